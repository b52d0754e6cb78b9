import type { IncomingMessage, ServerResponse } from "node:http";
import { cors } from "@connectrpc/connect";
import { writeRefusal } from "./http-reply.ts";

// Browsers keep a permission for two hours at most.
const preflightSecondsMax = 7200;

const allowedHeaders = [...cors.allowedHeaders, "Authorization"].join(", ");
const exposedHeaders = cors.exposedHeaders.join(", ");

/**
 * Lets browsers of the allowed origins call: sets the headers of a reply, and
 * answers preflight requests (Fetch standard, "CORS protocol"). Says whether
 * the request is answered. Cookies are never involved: the token is a header.
 */
export function answerCors(
  origins: ReadonlySet<string>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { origin } = request.headers;
  if (origins.size > 0) response.setHeader("vary", "origin");
  const isAllowed = origin !== undefined && origins.has(origin);
  if (isAllowed) {
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-expose-headers", exposedHeaders);
  }
  if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) {
    return false;
  }
  if (isAllowed) {
    response.writeHead(204, {
      "access-control-allow-methods": cors.allowedMethods.join(", "),
      "access-control-allow-headers": allowedHeaders,
      "access-control-max-age": String(preflightSecondsMax),
    });
    response.end();
  } else {
    const message = "Browsers of this origin may not call; the server's list of CORS origins lacks it.";
    writeRefusal(response, { errorCode: "PERMISSION_DENIED", message });
  }
  return true;
}
