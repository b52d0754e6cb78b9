import type { ServerResponse } from "node:http";
import { whenWritable } from "./when-writable.ts";

/** Sends the headers of a streaming reply now, although its first message may be long in coming. */
export function sendHeaders(response: ServerResponse, headers: Headers): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(200, Object.fromEntries(headers));
  response.flushHeaders();
}

/** Writes the rest of a reply whose headers are sent, each part once the caller has room for it. */
export async function writeBody(response: ServerResponse, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const bytes of body) {
    if (response.closed) return;
    if (!response.write(bytes)) await whenWritable(response);
  }
  response.end();
}
