import { CoreError, quote } from "./errors.ts";

/** Longest path of a request, in bytes. A lease id is 37 bytes more. */
export const pathBytesMax = 1024;
/** Longest path of a mount, in bytes. */
export const mountPathBytesMax = 256;

const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** First segments that no mount can have: they are kept for the product's own paths. */
const reservedSegments: readonly string[] = ["auth", "sys"];

function invalidPath(path: string, problem: string): CoreError {
  return new CoreError("INVALID_PATH", `The path ${quote(path)} ${problem}`, {
    details: { path: path.slice(0, 256) },
  });
}

function checkSegments(path: string, trimmed: string, bytesMax: number): void {
  if (trimmed === "") throw invalidPath(path, "is empty. Give one such as aws/creds/deploy.");
  const bytes = Buffer.byteLength(path);
  if (bytes > bytesMax) throw invalidPath(path, `is ${bytes} bytes long; ${bytesMax} are allowed.`);
  if (controlCharacters.test(path)) throw invalidPath(path, "holds control characters. Take them out.");
  for (const segment of trimmed.split("/")) {
    if (segment === "")
      throw invalidPath(path, "has an empty segment (two slashes in a row, or one at the start).");
    if (segment === "." || segment === "..")
      throw invalidPath(path, `has a segment ${quote(segment)}, which is not allowed.`);
  }
}

/** Checks the path of a request and takes the slash at its end away. Throws `INVALID_PATH`. */
export function normalizeRequestPath(path: string): string {
  const trimmed = path.endsWith("/") ? path.slice(0, -1) : path;
  checkSegments(path, trimmed, pathBytesMax);
  return trimmed;
}

/** Checks the path of a mount and takes the slash at its end away. Throws `INVALID_PATH`. */
export function normalizeMountPath(path: string): string {
  const trimmed = path.endsWith("/") ? path.slice(0, -1) : path;
  checkSegments(path, trimmed, mountPathBytesMax);
  const [first = ""] = trimmed.split("/");
  if (reservedSegments.includes(first)) {
    throw invalidPath(path, `starts with ${quote(first)}, which is reserved. Mount at another path.`);
  }
  return trimmed;
}
