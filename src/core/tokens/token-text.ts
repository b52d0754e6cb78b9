import { hash, randomBytes } from "node:crypto";

const prefix = "lh.";
const secretBytes = 32;

/** Finds the texts of tokens in a longer one. */
export const tokenTextsIn = /lh\.[A-Za-z0-9_-]{43}/g;

/** Makes the text of a new token: `lh.` and 256 random bits in base64url. */
export function newTokenText(): string {
  return prefix + randomBytes(secretBytes).toString("base64url");
}

/** What is stored in place of a token's text: its SHA-256, in hex. The text has 256 random bits, so nothing slower is called for. */
export function tokenDigest(text: string): string {
  return hash("sha256", text, "hex");
}
