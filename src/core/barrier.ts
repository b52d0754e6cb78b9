import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { type Keyring, keyOfTerm } from "./keyring.ts";

const formatVersion = 1;
const nonceBytes = 12;
const tagBytes = 16;
const headerBytes = 1 + 4 + nonceBytes;

/**
 * What stands between the product and its storage: everything that is stored
 * is sealed with AES-256-GCM, and bound to its place, so that whoever can
 * write the storage can neither read a value nor put it somewhere else.
 */
export interface Barrier {
  /** Seals bytes for one place: the place's name is authenticated and not stored. */
  seal(plain: Uint8Array, place: string): Uint8Array;
  /** Opens what was sealed for this place. Throws `BarrierError` where it was changed or moved. */
  open(sealed: Uint8Array, place: string): Uint8Array;
}

/** Thrown for a stored value that does not open: edited, moved from another place, or of another keyring. */
export class BarrierError extends Error {
  constructor(place: string, problem: string) {
    super(`The stored value at ${JSON.stringify(place)} does not open: ${problem}.`);
    this.name = "BarrierError";
  }
}

/**
 * Makes a barrier over a keyring. A sealed value is: version (1 byte), term of
 * the data key (4 bytes), nonce (12), ciphertext, tag (16). The nonce is
 * random: at most 2^32 values may be sealed under one term (NIST SP 800-38D, 8.3).
 */
export function createBarrier(keyring: Keyring): Barrier {
  // Made once: a raw key is imported anew by every call, which costs four times what the cipher does.
  const keys = new Map([...keyring.keys].map(([term, key]) => [term, createSecretKey(key)]));
  const activeKey = createSecretKey(keyOfTerm(keyring, keyring.activeTerm));
  return {
    seal(plain, place) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", activeKey, nonce);
      cipher.setAAD(Buffer.from(place));
      const header = Buffer.alloc(headerBytes);
      header.writeUInt8(formatVersion, 0);
      header.writeUInt32BE(keyring.activeTerm, 1);
      nonce.copy(header, 5);
      return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, place) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
      if (bytes.length < headerBytes + tagBytes) throw new BarrierError(place, "it is too short");
      if (bytes[0] !== formatVersion) throw new BarrierError(place, `its format ${bytes[0]} is not known`);
      const term = bytes.readUInt32BE(1);
      const key = keys.get(term);
      if (!key) throw new BarrierError(place, `it was sealed with data key ${term}, which the keyring lacks`);
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(5, headerBytes));
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
      try {
        const body = bytes.subarray(headerBytes, bytes.length - tagBytes);
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch {
        throw new BarrierError(place, "it was changed, or belongs to another place");
      }
    },
  };
}
