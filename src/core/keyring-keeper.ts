import type { Barrier } from "./barrier.ts";
import { CoreError } from "./errors.ts";
import type { Storage } from "./storage.ts";

/** What the keeper found out about the stored keyring. */
export type KeyringNotice =
  /** It was missing, and was written again as it was. */
  | "writtenAgain"
  /** Another one stands in its place: this server refuses every call until that has changed. */
  | "replaced"
  /** The one that this server works with is back. */
  | "back";

/** Sees to it that what a server seals can be opened by the next one that starts. */
export interface KeyringKeeper {
  /** Writes the keyring again where the storage has lost it; never over another one. Rejects with `STORAGE_UNAVAILABLE`. */
  check(): Promise<void>;
  /** Whether the stored keyring was this server's when it was looked at last. */
  isOurs(): boolean;
  /** Throws `STORAGE_UNAVAILABLE` where it was another one. */
  assertOurs(): void;
}

/** Makes the keeper of a wrapped keyring, as it is stored. */
export function createKeyringKeeper(options: {
  readonly storage: Pick<Storage, "readKeyring" | "createKeyring">;
  readonly wrapped: Uint8Array;
  readonly tell: (notice: KeyringNotice) => void;
}): KeyringKeeper {
  const { storage, wrapped, tell } = options;
  let isOurs = true;

  const settle = (isOursNow: boolean): void => {
    if (isOurs !== isOursNow) tell(isOursNow ? "back" : "replaced");
    isOurs = isOursNow;
  };

  return {
    async check() {
      const stored = await storage.readKeyring();
      // Where another server was quicker to write one, the next check looks whose it is.
      if (stored) settle(Buffer.compare(stored, wrapped) === 0);
      else if (await storage.createKeyring(wrapped)) {
        tell("writtenAgain");
        settle(true);
      }
    },
    isOurs: () => isOurs,
    assertOurs() {
      if (isOurs) return;
      throw new CoreError(
        "STORAGE_UNAVAILABLE",
        "The keyring in Redis is not the one that this server works with: Redis was exchanged, or was emptied and used by another " +
          "server. What is sealed with one cannot be opened with the other. Restart this server to work with the keyring " +
          "that is there; or bring back the Redis, or the keyring, that was there before.",
      );
    },
  };
}

/** A barrier that seals nothing while the stored keyring is another one: no later start could open it. */
export function guardBarrier(barrier: Barrier, keyring: Pick<KeyringKeeper, "assertOurs">): Barrier {
  return {
    open: barrier.open,
    seal(plain, place) {
      keyring.assertOurs();
      return barrier.seal(plain, place);
    },
  };
}
