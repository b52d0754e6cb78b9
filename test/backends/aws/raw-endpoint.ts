import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** What a raw endpoint was sent. */
export interface RawRequest {
  readonly line: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An endpoint that answers bytes, so that it can answer what no HTTP server would. */
export interface RawEndpoint {
  readonly port: number;
  readonly url: string;
  readonly requests: RawRequest[];
  /** Connections that are open now, and the most there have been. */
  readonly open: Set<Socket>;
  openMost: number;
  close(): Promise<void>;
}

/** Starts an endpoint on a free port. */
export async function startRawEndpoint(
  answer: (request: RawRequest, socket: Socket) => void,
): Promise<RawEndpoint> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    endpoint.openMost = Math.max(endpoint.openMost, open.size);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk) => {
      text += chunk;
      const [head = "", ...rest] = text.split("\r\n\r\n");
      const [line = "", ...lines] = head.split("\r\n");
      const headers = Object.fromEntries(lines.map((each) => each.toLowerCase().split(": ", 2)));
      const body = rest.join("\r\n\r\n");
      if (rest.length === 0 || body.length < Number(headers["content-length"])) return;
      text = "";
      const request = { line, headers, body };
      endpoint.requests.push(request);
      answer(request, socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const endpoint: RawEndpoint = {
    port,
    url: `http://127.0.0.1:${port}`,
    requests: [],
    open,
    openMost: 0,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return endpoint;
}

/** An answer with its length. */
export function httpAnswer(status: number, body: string, headers: readonly string[] = []): string {
  const length = `content-length: ${Buffer.byteLength(body)}`;
  return [`HTTP/1.1 ${status} Whatever`, length, ...headers, "", body].join("\r\n");
}

/** A success of an action, as IAM and STS word it. */
export function success(action: string, result = ""): string {
  return (
    `<${action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">${result && `<${action}Result>${result}</${action}Result>`}` +
    `<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`
  );
}
