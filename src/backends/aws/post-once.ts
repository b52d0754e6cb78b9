import {
  type Agent,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from "node:http";
import { request as httpsRequest } from "node:https";
import type { AwsEndpoint } from "./aws-endpoints.ts";
import { AwsFailure, failureOfConnection } from "./aws-failure.ts";

/** An answer, whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Limits of one request. */
export interface PostLimits {
  /** Longest wait for a connection, in milliseconds. */
  readonly connectionTimeoutMs: number;
  /** Longest time for the whole of it, in milliseconds, waiting for a free connection included. */
  readonly callTimeoutMs: number;
  readonly answerBytesMax: number;
}

/** One request. */
export interface Post {
  readonly endpoint: Pick<AwsEndpoint, "isSecure" | "hostname" | "port" | "path">;
  readonly agent: Agent;
  /** Name and value in turn. */
  readonly headers: readonly string[];
  readonly body: string;
  /** Aborting it abandons the request. */
  readonly signal: AbortSignal;
  readonly limits: PostLimits;
}

/**
 * Posts a body once and answers the whole answer, whatever its status; redirects are answers too. Rejects with
 * `AwsFailure` of kind `unknown` where none came, came in time, or came whole: once a request is under way nobody
 * can tell what became of it.
 */
export function postOnce({ endpoint, agent, headers, body, signal, limits }: Post): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(abandoned());
    const { hostname, port, path, isSecure } = endpoint;
    const request = (isSecure ? httpsRequest : httpRequest)({
      agent,
      hostname,
      port,
      path,
      method: "POST",
      headers: [...headers, "content-length", String(Buffer.byteLength(body))],
    });
    let connectionTimer: NodeJS.Timeout | undefined;
    const letGo = () => {
      clearTimeout(callTimer);
      clearTimeout(connectionTimer);
      signal.removeEventListener("abort", abandon);
    };
    const fail = (failure: AwsFailure) => {
      letGo();
      reject(failure);
      request.destroy();
    };
    const abandon = () => fail(abandoned());
    const callTimer = setTimeout(
      () => fail(timedOut(`no answer came within ${limits.callTimeoutMs} ms`)),
      limits.callTimeoutMs,
    );
    signal.addEventListener("abort", abandon, { once: true });

    request.on("socket", (socket) => {
      if (!socket.connecting) return;
      connectionTimer = setTimeout(
        () => fail(timedOut(`no connection came about within ${limits.connectionTimeoutMs} ms`)),
        limits.connectionTimeoutMs,
      );
      socket.once(isSecure ? "secureConnect" : "connect", () => clearTimeout(connectionTimer));
    });
    // It is heard after the end too, when it is destroyed: an error that nobody hears would end the process.
    request.on("error", (error) => fail(failureOfConnection(error)));
    let hasAnswer = false;
    request.on("close", () => {
      const message = "The connection ended without an answer.";
      if (!hasAnswer) fail(new AwsFailure("unknown", "ConnectionClosed", { message }));
    });
    request.on("response", (response) => {
      hasAnswer = true;
      readAll(response, limits.answerBytesMax).then(
        (text) => {
          letGo();
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
        },
        (error: unknown) => fail(failureOfConnection(error)),
      );
    });
    request.end(body);
  });
}

function readAll(response: IncomingMessage, bytesMax: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= bytesMax) chunks.push(chunk);
      else reject(new AwsFailure("unknown", "AnswerTooLarge", { message: `It has over ${bytesMax} bytes.` }));
    });
    response.on("error", reject);
    response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
  });
}

function abandoned(): AwsFailure {
  return new AwsFailure("unknown", "AbortError", { message: "The call was abandoned." });
}

function timedOut(what: string): AwsFailure {
  return new AwsFailure("unknown", "TimeoutError", { message: `Given up: ${what}.` });
}
