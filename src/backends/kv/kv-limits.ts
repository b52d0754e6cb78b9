import { CoreError, quote } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";

/** Longest path of a secret below its mount, in bytes. */
export const kvPathBytesMax = 512;

/** Most segments of a path. */
export const kvPathSegmentsMax = 32;

/** Longest secret, in bytes of JSON: several of the longest keys and certificates, and far below what a message may hold. */
export const kvValueBytesMax = 32 * 1024;

/** Checks the path of a secret. Throws `INVALID_PATH`. */
export function checkKvPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  const segments = path.split("/");
  if (bytes > kvPathBytesMax)
    throw invalidPath(path, `has ${bytes} bytes; at most ${kvPathBytesMax} are allowed.`);
  if (segments.length > kvPathSegmentsMax) {
    throw invalidPath(path, `has ${segments.length} segments; at most ${kvPathSegmentsMax} are allowed.`);
  }
  if (segments.includes(""))
    throw invalidPath(path, "has an empty segment: two slashes in a row, or one at an end.");
}

/** Checks the size of a secret. Throws `LIMIT_EXCEEDED`, with sizes and without contents. */
export function checkKvValue(data: JsonObject, fullPath: string): void {
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes <= kvValueBytesMax) return;
  throw new CoreError(
    "LIMIT_EXCEEDED",
    `The secret for ${quote(fullPath)} has ${bytes} bytes as JSON; at most ${kvValueBytesMax} are allowed. Split it over several paths.`,
    { details: { path: fullPath, bytes: String(bytes), bytes_max: String(kvValueBytesMax) } },
  );
}

function invalidPath(path: string, problem: string): CoreError {
  return new CoreError("INVALID_PATH", `The path ${quote(path)} ${problem}`, {
    details: { path: path.slice(0, kvPathBytesMax) },
  });
}
