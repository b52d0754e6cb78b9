import { randomBytes, randomUUID } from "node:crypto";

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * The prefixes of AWS's unique ids: user, access key, session key, role, managed policy, group, SSH key and
 * service-specific credential.
 *
 * Source: IAM User Guide, "Understanding unique ID prefixes".
 */
export type IdPrefix = "AIDA" | "AKIA" | "ASIA" | "AROA" | "ANPA" | "AGPA" | "APKA" | "ACCA";

/** Encodes bytes in base 32 without padding; as many characters as the whole groups of five bits give. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32.charAt((held >> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return text;
}

/** A new unique id: the prefix and seventeen characters of base 32 for entities, sixteen for keys, as AWS's are long. */
export function uniqueId(prefix: IdPrefix): string {
  const length = prefix === "AKIA" || prefix === "ASIA" ? 16 : 17;
  return prefix + toBase32(randomBytes(11)).slice(0, length);
}

/** A new secret access key: forty characters of base 64. */
export function secretAccessKey(): string {
  return randomBytes(30).toString("base64");
}

/** A new session token: opaque to clients, 256 random bytes in base 64. */
export function sessionToken(): string {
  return randomBytes(256).toString("base64");
}

/** A new request id. */
export function requestId(): string {
  return randomUUID();
}
