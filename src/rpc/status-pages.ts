import type { IncomingMessage, ServerResponse } from "node:http";
import { writeJson, writeRefusal } from "./http-reply.ts";
import type { Log } from "./log.ts";

/** Options of `createStatusPages`. */
export interface StatusPagesOptions {
  /** Says whether the server can do its work now. */
  readonly isReady: () => boolean;
  /** The metrics as Prometheus reads them. */
  readonly metricsText: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly log: Log;
}

type Page = (response: ServerResponse) => void | Promise<void>;

/**
 * The pages for machines that watch the server: `/healthz` (the process
 * lives), `/readyz` (it can work: 200 or 503) and `/metrics`. None needs a
 * token. The function says whether a path is one of them.
 */
export function createStatusPages(
  options: StatusPagesOptions,
): (path: string, request: IncomingMessage, response: ServerResponse) => boolean {
  const pages: ReadonlyMap<string, Page> = new Map<string, Page>([
    ["/healthz", (response) => writeJson(response, 200, { status: "ok" })],
    [
      "/readyz",
      (response) => {
        if (options.isReady()) writeJson(response, 200, { status: "ready" });
        else writeJson(response, 503, { status: "not ready" });
      },
    ],
    [
      "/metrics",
      async (response) => {
        const { contentType, body } = await options.metricsText();
        response.writeHead(200, { "content-type": contentType });
        response.end(body);
      },
    ],
  ]);
  return (path, request, response) => {
    const page = pages.get(path);
    if (page === undefined) return false;
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("allow", "GET, HEAD");
      const message = `"${path}" is read by GET.`;
      writeRefusal(response, { errorCode: "UNSUPPORTED_OPERATION", message, httpStatus: 405 });
      return true;
    }
    void (async () => {
      try {
        await page(response);
      } catch (error) {
        options.log.error({ page: path, err: error }, "page failed");
        writeRefusal(response, {
          errorCode: "INTERNAL",
          message: `"${path}" cannot be made; the log says why.`,
        });
      }
    })();
    return true;
  };
}
