import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

/** How long the keys of an issuer may take to come, from the first packet to the last, in milliseconds. */
const fetchMsMax = 5000;

/** Longest key set that is read, in bytes: a hundred RSA keys with their certificates. */
export const jwksBytesMax = 256 * 1024;

/**
 * Fetches the text of a key set once. Follows no redirect, and reads no more than it may be long. Rejects with what went wrong,
 * without anything of what the other side said.
 */
export function fetchJwks(
  url: string,
  options: {
    /** PEM of the CAs that are believed in place of the system's; empty means the system's. */
    readonly caPem: string;
    readonly timeoutMs?: number;
  },
): Promise<string> {
  const { caPem, timeoutMs = fetchMsMax } = options;
  const isSecure = new URL(url).protocol === "https:";
  return new Promise((resolve, reject) => {
    const settings = { agent: false as const, headers: { accept: "application/json" } };
    const request = isSecure
      ? httpsRequest(url, { ...settings, ...(caPem !== "" && { ca: caPem }) })
      : httpRequest(url, settings);
    const fail = (why: string) => {
      clearTimeout(timer);
      reject(new Error(why));
      request.destroy();
    };
    const timer = setTimeout(() => fail(`no answer came within ${timeoutMs} ms`), timeoutMs);
    request.on("error", (error) => {
      const code = "code" in error ? String(error.code) : "unknown";
      fail(`the connection failed (${code})`);
    });
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      if (response.statusCode !== 200) return fail(`the answer has status ${response.statusCode}, not 200`);
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.byteLength;
        if (bytes > jwksBytesMax) return fail(`the answer is longer than ${jwksBytesMax} bytes`);
        chunks.push(chunk);
      });
      response.on("error", () => fail("the answer broke off"));
      response.on("end", () => {
        clearTimeout(timer);
        resolve(Buffer.concat(chunks).toString("utf8"));
      });
    });
    request.end();
  });
}
