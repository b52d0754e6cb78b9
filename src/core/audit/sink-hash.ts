import { createHmac, createSecretKey } from "node:crypto";

/** How many random bytes the salt of a sink has. */
export const saltBytes = 32;

/** Makes what stands in a line in place of a value: the same for the same value, and of no use without the salt. */
export type SinkHash = (value: string) => string;

/** Makes the hash of one sink: HMAC-SHA256 with the salt of the sink, in hex, as `hmac-sha256:<hex>`. */
export function createSinkHash(salt: Uint8Array): SinkHash {
  const key = createSecretKey(salt);
  return (value) => `hmac-sha256:${createHmac("sha256", key).update(value).digest("hex")}`;
}
