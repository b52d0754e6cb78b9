import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Storage } from "./storage.ts";

const associatedData = Buffer.from("leasehold:keyring:1");
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const createTriesMax = 3;

/** The data keys by term. New values are sealed with the active term's; the others open what is older. */
export interface Keyring {
  readonly activeTerm: number;
  /** AES-256 keys of 32 bytes. */
  readonly keys: ReadonlyMap<number, Uint8Array>;
}

/** A keyring, and how it is stored. */
export interface StoredKeyring extends Keyring {
  readonly wrapped: Uint8Array;
}

/** Thrown where the stored keyring does not open with the root key. The server must not start then. */
export class WrongRootKeyError extends Error {
  constructor() {
    super(
      "The root key does not open the keyring that is stored: it is another key than the one this storage was first " +
        "used with, or the keyring was changed. Start with the earlier root key, or use an empty Redis database.",
    );
    this.name = "WrongRootKeyError";
  }
}

/** The key of a term. Throws where the keyring lacks it. */
export function keyOfTerm(keyring: Keyring, term: number): Uint8Array {
  const key = keyring.keys.get(term);
  if (!key) throw new Error(`The keyring has no key of term ${term}.`);
  return key;
}

/** Wraps a keyring with the root key (AES-256-GCM, 32 bytes) for storage. */
export function wrapKeyring(keyring: Keyring, rootKey: Uint8Array): Uint8Array {
  const plain = Buffer.alloc(4 + keyring.keys.size * (4 + keyBytes));
  plain.writeUInt32BE(keyring.activeTerm, 0);
  let offset = 4;
  for (const [term, key] of keyring.keys) {
    plain.writeUInt32BE(term, offset);
    plain.set(key, offset + 4);
    offset += 4 + keyBytes;
  }
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", rootKey, nonce);
  cipher.setAAD(associatedData);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Unwraps a stored keyring. Throws `WrongRootKeyError` where the root key is not the one that wrapped it. */
export function unwrapKeyring(wrapped: Uint8Array, rootKey: Uint8Array): Keyring {
  if (wrapped.length < nonceBytes + tagBytes) throw new WrongRootKeyError();
  const decipher = createDecipheriv("aes-256-gcm", rootKey, wrapped.subarray(0, nonceBytes));
  decipher.setAAD(associatedData);
  decipher.setAuthTag(wrapped.subarray(wrapped.length - tagBytes));
  let plain: Buffer;
  try {
    plain = Buffer.concat([decipher.update(wrapped.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    throw new WrongRootKeyError();
  }
  const keys = new Map<number, Uint8Array>();
  for (let offset = 4; offset < plain.length; offset += 4 + keyBytes) {
    keys.set(plain.readUInt32BE(offset), plain.subarray(offset + 4, offset + 4 + keyBytes));
  }
  return { activeTerm: plain.readUInt32BE(0), keys };
}

/**
 * Opens the stored keyring, or makes the first one where there is none. Two
 * servers that start at once agree on one. Never writes over a keyring.
 */
export async function openKeyring(storage: Storage, rootKey: Uint8Array): Promise<StoredKeyring> {
  for (let tries = 0; tries < createTriesMax; tries++) {
    const stored = await storage.readKeyring();
    if (stored) return { ...unwrapKeyring(stored, rootKey), wrapped: stored };
    const keyring: Keyring = { activeTerm: 1, keys: new Map([[1, randomBytes(keyBytes)]]) };
    const wrapped = new Uint8Array(wrapKeyring(keyring, rootKey));
    if (await storage.createKeyring(wrapped)) return { ...keyring, wrapped };
  }
  throw new Error("The keyring is neither there nor can it be made: does something else delete it?");
}
