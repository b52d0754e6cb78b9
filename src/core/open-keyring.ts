import { firstKeyring, type StoredKeyring } from "./keyring.ts";
import { unwrapKeyring, wrapKeyring } from "./keyring-format.ts";
import type { Storage } from "./storage.ts";

const createTriesMax = 3;

/** Thrown where nobody has set up the storage, and no root token is configured: nobody could ask the server for anything. */
export class NotInitializedError extends Error {
  constructor() {
    super(
      'There is neither a keyring in Redis nor a root token: nobody could log in. Run "leasehold init" once, with the same ' +
        "LEASEHOLD_REDIS_URL and root key, which prints a root token; or set LEASEHOLD_ROOT_TOKEN.",
    );
    this.name = "NotInitializedError";
  }
}

/**
 * Opens the stored keyring, or makes the first one where there is none. Two
 * servers that start at once agree on one. Never writes over a keyring.
 * `nowMs` is written down as the time of the first data key; 0 where nobody is to go by it.
 */
export async function openKeyring(
  storage: Pick<Storage, "readKeyring" | "createKeyring">,
  rootKey: Uint8Array,
  nowMs = 0,
): Promise<StoredKeyring> {
  for (let tries = 0; tries < createTriesMax; tries++) {
    const stored = await storage.readKeyring();
    if (stored) return { ...unwrapKeyring(stored, rootKey), wrapped: stored };
    const keyring = firstKeyring(nowMs);
    const wrapped = wrapKeyring(keyring, rootKey);
    if (await storage.createKeyring(wrapped)) return { ...keyring, wrapped };
  }
  throw new Error("The keyring is neither there nor can it be made: does something else delete it?");
}
