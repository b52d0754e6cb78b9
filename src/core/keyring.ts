import { randomBytes } from "node:crypto";
import { CoreError } from "./errors.ts";

/** Length of a data key, and of a root key: AES-256's. */
export const keyBytes = 32;
/** At one rotation in 90 days this is reached in 250 years; a rotation in a loop must not fill the storage. */
const termsMax = 1000;

/** The data keys by term. New values are sealed with the active term's; the others open what is older, or wait to become active. */
export interface Keyring {
  readonly activeTerm: number;
  /** AES-256 keys of 32 bytes. */
  readonly keys: ReadonlyMap<number, Uint8Array>;
}

/** A keyring with what is known of its past. Times are in milliseconds since 1970, and 0 where nobody wrote them down. */
export interface DatedKeyring extends Keyring {
  /** Raised by every change of what is stored; 0 for a keyring of an earlier version. */
  readonly generation: number;
  /** When the key of each term was made. */
  readonly createdAtMs: ReadonlyMap<number, number>;
  /** When the root key was changed last. */
  readonly rekeyedAtMs: number;
}

/** A keyring, and how it is stored. */
export interface StoredKeyring extends DatedKeyring {
  readonly wrapped: Uint8Array;
}

/** Thrown where the stored keyring does not open with the root key. The server must not start then. */
export class WrongRootKeyError extends Error {
  constructor() {
    super(
      "The root key does not open the keyring that is stored: it is another key than the one this storage was first " +
        "used with or that it was given by a rekey, or the keyring was changed. Start with the right root key, or use an empty Redis database.",
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

/** The newest term: the active one, or the one that is to become active next. */
export function newestTerm({ keys }: Keyring): number {
  return Math.max(...keys.keys());
}

/** A keyring with a first data key. */
export function firstKeyring(nowMs: number): DatedKeyring {
  return {
    generation: 1,
    activeTerm: 1,
    keys: new Map([[1, randomBytes(keyBytes)]]),
    createdAtMs: new Map([[1, nowMs]]),
    rekeyedAtMs: 0,
  };
}

/** The keyring with one more data key, which is not active yet. Throws `LIMIT_EXCEEDED` at a thousand. */
export function withNextTerm(keyring: DatedKeyring, nowMs: number): DatedKeyring {
  if (keyring.keys.size >= termsMax) {
    throw new CoreError("LIMIT_EXCEEDED", `The keyring has ${termsMax} data keys, and no more are allowed.`);
  }
  const term = newestTerm(keyring) + 1;
  return {
    ...keyring,
    generation: keyring.generation + 1,
    keys: new Map([...keyring.keys, [term, randomBytes(keyBytes)]]),
    createdAtMs: new Map([...keyring.createdAtMs, [term, nowMs]]),
  };
}

/** The keyring with its newest data key active. */
export function withNewestActive(keyring: DatedKeyring): DatedKeyring {
  return { ...keyring, generation: keyring.generation + 1, activeTerm: newestTerm(keyring) };
}

/** Whether a keyring has every key that another one has, under the same terms. */
export function holdsAllOf(keyring: Keyring, other: Keyring): boolean {
  return [...other.keys].every(([term, key]) => {
    const own = keyring.keys.get(term);
    return own !== undefined && Buffer.compare(own, key) === 0;
  });
}
