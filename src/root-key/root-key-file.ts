import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from "node:fs";

const rootKeyBytes = 32;

/** A root key from its text, 32 bytes in base64; undefined where it is something else. */
export function decodeRootKey(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  const key = Buffer.from(text, "base64");
  return key.length === rootKeyBytes ? key : undefined;
}

/**
 * Makes a root key and writes it to a new file that only its owner can read, as base64. It is on the disk before anything is
 * wrapped with it. Throws the error of the file system, `EEXIST` where there is a file, and then leaves none of its own.
 */
export function makeRootKeyFile(file: string): Uint8Array {
  const key = randomBytes(rootKeyBytes);
  const descriptor = openSync(file, "wx", 0o600);
  try {
    // All of it, or an error: a key of which a part is stored would be the end of what it wraps.
    writeFileSync(descriptor, `${key.toString("base64")}\n`);
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return key;
}
