import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { CoreError, quote } from "./errors.ts";
import { type Keyring, keyOfTerm } from "./keyring.ts";
import { type Place, placeBytes } from "./place.ts";

/** Format 1 authenticated the key of the place alone; it is read and not written any more. */
const formats = { keyAlone: 1, wholePlace: 2 } as const;
const nonceBytes = 12;
const tagBytes = 16;
/** Format and term, which are authenticated as well; then the nonce. */
const authenticatedBytes = 1 + 4;
const headerBytes = authenticatedBytes + nonceBytes;

/**
 * What stands between the product and its storage: everything that is stored
 * is sealed with AES-256-GCM, and bound to its place, so that whoever can
 * write the storage can neither read a value nor put it somewhere else.
 */
export interface Barrier {
  /** Seals bytes for one place: the place is authenticated and not stored. */
  seal(plain: Uint8Array, place: Place): Uint8Array;
  /** Opens what was sealed for this place. Throws `BarrierError` where it was changed or moved. */
  open(sealed: Uint8Array, place: Place): Uint8Array;
}

/** A barrier whose keyring is exchanged while it works. */
export interface RenewableBarrier extends Barrier {
  /** Seals with the active term of this keyring from now on, and opens with all of its keys. */
  adopt(keyring: Keyring): void;
  /** How many values this process has sealed under the active term. */
  seals(): number;
}

/** Thrown for a stored value that does not open: edited, moved from another place, or of another keyring. */
export class BarrierError extends CoreError {
  constructor(place: Place, problem: string) {
    super(
      "DATA_CORRUPTED",
      `The stored value at ${quote(place.key)} does not open: ${problem}. It is not used. Find out who can write to Redis, and bring the value back from a backup, or write it anew.`,
      { details: { stored_at: place.key } },
    );
    this.name = "BarrierError";
  }
}

/** The data keys of a keyring as Node takes them without importing them at every call, which costs four times what the cipher does. */
interface ImportedKeys {
  readonly activeTerm: number;
  readonly active: KeyObject;
  readonly byTerm: ReadonlyMap<number, KeyObject>;
}

function importKeys(keyring: Keyring): ImportedKeys {
  const { activeTerm } = keyring;
  const byTerm = new Map([...keyring.keys].map(([term, key]) => [term, createSecretKey(key)]));
  return { activeTerm, active: createSecretKey(keyOfTerm(keyring, activeTerm)), byTerm };
}

/**
 * Makes a barrier over a keyring. A sealed value is: format (1 byte), term of
 * the data key (4 bytes), nonce (12), ciphertext, tag (16). The nonce is
 * random: at most 2^32 values may be sealed under one term (NIST SP 800-38D, 8.3).
 * `onUnopened` hears of every value that does not open, whoever asked for it.
 */
export function createBarrier(
  keyring: Keyring,
  options: { readonly onUnopened?: (error: BarrierError) => void } = {},
): RenewableBarrier {
  let keys = importKeys(keyring);
  let seals = 0;

  const open = (sealed: Uint8Array, place: Place): Uint8Array => {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    if (bytes.length < headerBytes + tagBytes) throw new BarrierError(place, "it is too short");
    const [format] = bytes;
    if (format !== formats.keyAlone && format !== formats.wholePlace)
      throw new BarrierError(place, `its format ${format} is not known`);
    const term = bytes.readUInt32BE(1);
    const key = keys.byTerm.get(term);
    if (!key) throw new BarrierError(place, `it was sealed with data key ${term}, which the keyring lacks`);
    const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(authenticatedBytes, headerBytes));
    decipher.setAAD(format === formats.keyAlone ? Buffer.from(place.key) : associatedData(bytes, place));
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
    try {
      const body = bytes.subarray(headerBytes, bytes.length - tagBytes);
      return Buffer.concat([decipher.update(body), decipher.final()]);
    } catch {
      throw new BarrierError(place, "it was changed, or belongs to another place");
    }
  };

  return {
    seal(plain, place) {
      seals += 1;
      const nonce = randomBytes(nonceBytes);
      const header = Buffer.alloc(headerBytes);
      header.writeUInt8(formats.wholePlace, 0);
      header.writeUInt32BE(keys.activeTerm, 1);
      nonce.copy(header, authenticatedBytes);
      const cipher = createCipheriv("aes-256-gcm", keys.active, nonce);
      cipher.setAAD(associatedData(header, place));
      return Buffer.concat([header, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, place) {
      try {
        return open(sealed, place);
      } catch (error) {
        if (error instanceof BarrierError) options.onUnopened?.(error);
        throw error;
      }
    },
    adopt(next) {
      if (next.activeTerm !== keys.activeTerm) seals = 0;
      keys = importKeys(next);
    },
    seals: () => seals,
  };
}

function associatedData(header: Buffer, place: Place): Buffer {
  return Buffer.concat([header.subarray(0, authenticatedBytes), placeBytes(place)]);
}
