import { hash, randomBytes } from "node:crypto";

const prefix = "lh.";
const secretBytes = 32;

/** Makes the text of a new token: `lh.` and 256 random bits in base64url. */
export function newTokenText(): string {
  return prefix + randomBytes(secretBytes).toString("base64url");
}

/** What is stored in place of a token's text: its SHA-256, in hex. The text has 256 random bits, so nothing slower is called for. */
export function tokenDigest(text: string): string {
  return hash("sha256", text, "hex");
}
