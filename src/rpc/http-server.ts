import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { quote } from "../core/errors.ts";
import { ConnectRoutes, type ConnectRoutesOptions } from "./connect-routes.ts";
import { answerCors } from "./cors.ts";
import { type HttpRefusal, refusalToHttp, writeRefusal } from "./http-reply.ts";
import type { RpcLimits } from "./limits.ts";
import { createStatusPages, type StatusPagesOptions } from "./status-pages.ts";

/** Options of `HttpServer`. */
export interface HttpServerOptions extends Omit<ConnectRoutesOptions, "limits">, StatusPagesOptions {
  /** Origins whose browsers may call: `https://console.example.com`. */
  readonly corsOrigins: readonly string[];
  readonly limits: RpcLimits;
}

const refusalsOfNode: ReadonlyMap<string, HttpRefusal> = new Map([
  [
    "HPE_HEADER_OVERFLOW",
    { errorCode: "LIMIT_EXCEEDED", message: "The headers are too long.", httpStatus: 431 },
  ],
  [
    "ERR_HTTP_REQUEST_TIMEOUT",
    { errorCode: "DEADLINE_EXCEEDED", message: "The request took too long to arrive.", httpStatus: 408 },
  ],
]);

/** The HTTP/1.1 server: RPCs, status pages, CORS. It owns no socket: a listener hands it connections. */
export class HttpServer {
  readonly #server: Server;
  readonly #routes: ConnectRoutes;
  readonly #answerPage: ReturnType<typeof createStatusPages>;
  readonly #origins: ReadonlySet<string>;
  readonly #headersMax: number;
  #isDraining = false;

  constructor(options: HttpServerOptions) {
    const { limits } = options;
    this.#routes = new ConnectRoutes(options);
    this.#answerPage = createStatusPages(options);
    this.#origins = new Set(options.corsOrigins);
    this.#headersMax = limits.headersMax;
    this.#server = createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.headersTimeoutMs,
        requestTimeout: limits.requestTimeoutMs,
        keepAliveTimeout: limits.keepAliveTimeoutMs,
        connectionsCheckingInterval: limits.timeoutCheckMs,
      },
      (request, response) => this.#answer(request, response),
    );
    this.#server.maxRequestsPerSocket = limits.requestsPerConnectionMax;
    // Node would drop what exceeds it without a word, a token perhaps; `#answer` refuses instead.
    this.#server.maxHeadersCount = 0;
    this.#server.on("clientError", refuseBroken);
    // On this event Node starts to watch the two time-outs of requests. It does not come by itself,
    // since the listening socket is the listener's; without it a slow sender could stay for ever.
    this.#server.emit("listening");
  }

  /** Serves a connection; Node documents the event for exactly this. */
  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  /** Closes every connection that has no request, from now on. */
  closeIdle(): void {
    this.#isDraining = true;
    this.#server.closeIdleConnections();
  }

  /** Ends the server at once. The sockets are the listener's to close. */
  close(): void {
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.setHeader("cache-control", "no-store");
    response.setHeader("x-content-type-options", "nosniff");
    if (this.#isDraining) response.setHeader("connection", "close");
    response.once("close", () => {
      if (this.#isDraining) this.#server.closeIdleConnections();
    });
    if (request.rawHeaders.length / 2 > this.#headersMax) {
      const message = `The request has more than ${this.#headersMax} headers.`;
      writeRefusal(response, { errorCode: "LIMIT_EXCEEDED", message, httpStatus: 431 });
      return;
    }
    if (answerCors(this.#origins, request, response)) return;
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    if (this.#routes.serve(path, request, response) || this.#answerPage(path, request, response)) return;
    const message = `There is nothing at ${quote(path)}; an RPC is at "/leasehold.v1.SecretService/Read".`;
    writeRefusal(response, { errorCode: "UNSUPPORTED_OPERATION", message, httpStatus: 404 });
  }
}

/** Answers what Node cannot parse, or not in time; there is no response object for it. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const refusal = refusalsOfNode.get(error.code ?? "") ?? {
    errorCode: "INVALID_FIELD" as const,
    message: "This is not an HTTP/1.1 request.",
  };
  const { status, body } = refusalToHttp(refusal);
  const head = [
    `HTTP/1.1 ${status} Refused`,
    "content-type: application/json",
    `content-length: ${body.byteLength}`,
    "connection: close",
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  socket.end(body);
}
