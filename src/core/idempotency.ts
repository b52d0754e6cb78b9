import { createHash } from "node:crypto";
import { CoreError, quote } from "./errors.ts";

/** Longest idempotency key, in characters, as in `ReadRequest`. */
export const idempotencyKeyLengthMax = 256;

/**
 * What an idempotency key is stored as: the SHA-256 of the caller's id, the full path and the key, 43 characters. So
 * equal keys of two callers, or for two paths, have nothing to do with each other, and nobody reads a key in the storage.
 */
export function idempotencyDigest(request: {
  readonly callerId: string;
  readonly path: string;
  readonly key: string;
}): string {
  const { callerId, path, key } = request;
  return createHash("sha256")
    .update(JSON.stringify([callerId, path, key]))
    .digest("base64url");
}

/** The error for a request that cannot be repeated, or not right now. `why` ends with what to do. */
export function idempotencyConflict(leaseId: string, why: string): CoreError {
  return new CoreError(
    "IDEMPOTENCY_CONFLICT",
    `The idempotency key has been used for lease ${quote(leaseId)}, ${why}`,
    { details: { lease_id: leaseId } },
  );
}
