import { type DatedKeyring, holdsAllOf, type StoredKeyring, WrongRootKeyError } from "./keyring.ts";
import { isProvenSame, storedGeneration, unwrapKeyring } from "./keyring-format.ts";

/** What a stored keyring is, beside the one that a server works with. */
export type KeyringVerdict =
  /** A later one, with all keys of this one; and the root key that opens it. */
  | { readonly kind: "later"; readonly keyring: DatedKeyring; readonly rootKey: Uint8Array }
  /** The same keys, wrapped later with a root key that this server lacks. */
  | { readonly kind: "rekeyed"; readonly generation: number }
  /** An earlier one, as after a failover: what this one has beyond it must not be lost. */
  | { readonly kind: "earlier" }
  /** Another one. */
  | { readonly kind: "foreign" };

/** Judges a stored keyring that is not byte for byte `ours`. */
export function judgeKeyring(
  stored: Uint8Array,
  ours: StoredKeyring,
  rootKeys: readonly Uint8Array[],
): KeyringVerdict {
  for (const rootKey of rootKeys) {
    const keyring = tryUnwrap(stored, rootKey);
    if (!keyring) continue;
    // By generation first: two that hold the same keys differ in nothing else.
    if (keyring.generation >= ours.generation && holdsAllOf(keyring, ours))
      return { kind: "later", keyring, rootKey };
    if (keyring.generation < ours.generation && holdsAllOf(ours, keyring)) return { kind: "earlier" };
    return { kind: "foreign" };
  }
  if (!isProvenSame(stored, ours)) return { kind: "foreign" };
  const generation = storedGeneration(stored);
  return generation > ours.generation ? { kind: "rekeyed", generation } : { kind: "earlier" };
}

function tryUnwrap(stored: Uint8Array, rootKey: Uint8Array): DatedKeyring | undefined {
  try {
    return unwrapKeyring(stored, rootKey);
  } catch (error) {
    if (error instanceof WrongRootKeyError) return undefined;
    throw error;
  }
}
