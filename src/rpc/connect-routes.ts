import type { IncomingMessage, ServerResponse } from "node:http";
import type { Message } from "@bufbuild/protobuf";
import {
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import type { PeerCertificate } from "../core/path.ts";
import { bearerToken, type Caller } from "./caller.ts";
import type { Calls } from "./calls.ts";
import { toConnectError } from "./connect-error.ts";
import { writeRefusal } from "./http-reply.ts";
import { sendHeaders, writeBody } from "./http-stream.ts";
import type { RpcLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { ServiceRoutes, StreamRoute, UnaryRoute } from "./route.ts";
import { completeReply } from "./stack-errors.ts";

/** Options of `ConnectRoutes`. */
export interface ConnectRoutesOptions {
  readonly services: readonly ServiceRoutes[];
  readonly calls: Calls;
  readonly limits: Pick<RpcLimits, "requestBytesMax" | "responseBytesMax">;
  readonly log: Log;
  /** The certificate that the peer with this address and port has proved to hold; none unless told. */
  readonly certificateOf?: (peer: string) => PeerCertificate | undefined;
}

const peerKey = createContextKey("unknown", { description: "address and port of the peer" });

const responseKey = createContextKey<ServerResponse | undefined>(undefined, {
  description: "where the headers of a stream are sent before its first message",
});

// The longest time that a timer can be set for; Connect would take a longer one for none at all.
const timeoutMsMax = 2 ** 31 - 1;

const peerOf = (request: IncomingMessage) => `${request.socket.remoteAddress}:${request.socket.remotePort}`;

const certificateKey = createContextKey<PeerCertificate | undefined>(undefined, {
  description: "the certificate that the peer proved to hold",
});

function callerOf(context: HandlerContext): Caller {
  const timeoutMs = context.timeoutMs();
  return {
    token: bearerToken(context.requestHeader.get("authorization") ?? undefined),
    peer: context.values.get(peerKey),
    peerCertificate: context.values.get(certificateKey),
    deadlineMs: timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs,
    onHangUp: (listener) => {
      if (context.signal.aborted) listener();
      else context.signal.addEventListener("abort", listener, { once: true });
    },
  };
}

function unaryImplementation(route: UnaryRoute, calls: Calls) {
  return async (request: Message, context: HandlerContext) => {
    const codec = { decode: () => request, encode: (response: Message) => response };
    const outcome = await calls.run(route, callerOf(context), codec);
    if (outcome.error !== undefined) throw toConnectError(outcome.error);
    return outcome.reply;
  };
}

function streamImplementation(route: StreamRoute, calls: Calls) {
  return async function* (request: Message, context: HandlerContext): AsyncGenerator<Message> {
    const codec = {
      decode: () => request,
      encode: (response: Message) => response,
      onOpen: () => {
        const response = context.values.get(responseKey);
        if (response !== undefined) sendHeaders(response, context.responseHeader);
      },
    };
    for await (const outcome of calls.stream(route, callerOf(context), codec)) {
      if (outcome.error !== undefined) throw toConnectError(outcome.error);
      yield outcome.reply;
    }
  };
}

/** The RPCs over HTTP/1.1: Connect with JSON or binary messages, and gRPC-Web. */
export class ConnectRoutes {
  readonly #handlers: ReadonlyMap<string, UniversalHandler>;
  readonly #log: Log;
  readonly #certificateOf: ConnectRoutesOptions["certificateOf"];

  constructor({ services, calls, limits, log, certificateOf }: ConnectRoutesOptions) {
    this.#log = log;
    this.#certificateOf = certificateOf;
    const router = createConnectRouter({
      grpc: false,
      readMaxBytes: limits.requestBytesMax,
      writeMaxBytes: limits.responseBytesMax,
      maxTimeoutMs: timeoutMsMax,
      // None: messages are small, and a compressed reply that holds a secret beside a caller's text tells about it by its length.
      acceptCompression: [],
      jsonOptions: { ignoreUnknownFields: false },
    });
    for (const { routes } of services) {
      for (const route of routes) {
        if (route.kind === "stream") router.rpc(route.method, streamImplementation(route, calls));
        else router.rpc(route.method, unaryImplementation(route, calls));
      }
    }
    this.#handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  }

  /** Answers a request; says whether its path is one of an RPC. */
  serve(path: string, request: IncomingMessage, response: ServerResponse): boolean {
    const handler = this.#handlers.get(path);
    if (handler === undefined) return false;
    this.#answer(handler, request, response).catch((error: unknown) => {
      // A caller that hung up is the usual cause; the call itself is in the log already.
      if (response.destroyed) return;
      this.#log.error({ rpc: path.slice(1), peer: peerOf(request), err: error }, "reply failed");
      response.destroy();
    });
    return true;
  }

  async #answer(
    handler: UniversalHandler,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const peer = peerOf(request);
    const values = createContextValues().set(peerKey, peer).set(responseKey, response);
    const certificate = this.#certificateOf?.(peer);
    if (certificate) values.set(certificateKey, certificate);
    const universal = toUniversal(request, response, values);
    if (universal === undefined) {
      writeRefusal(response, { errorCode: "INVALID_FIELD", message: "The Host header is not a host name." });
      return;
    }
    const reply = await completeReply(await handler(universal), (reason) => {
      this.#log.info({ rpc: handler.requestPath.slice(1), reason, peer }, "call refused before its handler");
    });
    // What a refused caller still sends is read and dropped, until `requestTimeout`: with it unread,
    // the connection would be stuck, or be reset and the reply with it.
    response.once("finish", () => {
      if (!request.complete) request.resume();
    });
    // Connect answers with the first message of a stream; its headers are under way since before that.
    if (response.headersSent && reply.body !== undefined) await writeBody(response, reply.body);
    else await universalResponseToNodeResponse(reply, response);
  }
}

function toUniversal(
  request: IncomingMessage,
  response: ServerResponse,
  values: ReturnType<typeof createContextValues>,
) {
  try {
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    // Connect's own iterator destroys the connection when it stops early, before an error is written.
    return { ...universal, body: request.iterator({ destroyOnReturn: false }) };
  } catch {
    // It builds a URL from the Host header, which can be missing (HTTP/1.0) or be nonsense.
    return undefined;
  }
}
