import type { Barrier, RenewableBarrier } from "./barrier.ts";
import type { Clock } from "./clock.ts";
import { CoreError } from "./errors.ts";
import {
  type DatedKeyring,
  newestTerm,
  type StoredKeyring,
  withNewestActive,
  withNextTerm,
} from "./keyring.ts";
import { wrapKeyring } from "./keyring-format.ts";
import { judgeKeyring } from "./keyring-verdict.ts";
import { activateAfterMs, hasPendingTerm, isRotationDue } from "./rotation-rule.ts";
import { createSealCounter } from "./seal-counter.ts";
import type { Storage } from "./storage.ts";

/** What the keeper found out about the stored keyring. */
export type KeyringNotice =
  /** It was missing, or an earlier one stood there, and it was written again as it was. */
  | "writtenAgain"
  /** Another one stands in its place: this server refuses every call until that has changed. */
  | "replaced"
  /** The one that this server works with is back. */
  | "back"
  /** A new data key is active, and this server seals with it. */
  | "rotated"
  /** It was wrapped with a root key that this server lacks: the server goes on, and its next start needs the new one. */
  | "rekeyed"
  /** A rotation is due, and this server cannot do it, since it lacks the root key. */
  | "rotationHindered";

/** Sees to it that what a server seals can be opened by the next one that starts, and changes the keys. */
export interface KeyringKeeper {
  /**
   * Follows what other servers made of the keyring, writes it again where the storage has lost it, never over another one,
   * and rotates it where that is due. Rejects with `STORAGE_UNAVAILABLE`.
   */
  check(): Promise<void>;
  /** Whether the stored keyring was this server's when it was looked at last. */
  isOurs(): boolean;
  /** Throws `STORAGE_UNAVAILABLE` where it was another one. */
  assertOurs(): void;
  /**
   * Adds a data key, gives the other servers time to see it, and makes it the active one. Once it is stored it becomes active even where
   * the caller gave up. Throws `NOT_CONFIGURED` on a server that lacks the root key, `LIMIT_EXCEEDED`, `STORAGE_UNAVAILABLE`.
   */
  rotate(signal: AbortSignal): Promise<{ readonly term: number; readonly activeSinceMs: number }>;
  /**
   * Wraps the same data keys with another root key of 32 bytes; one that wraps them already is fine. Throws `STORAGE_UNAVAILABLE`,
   * also while a rotation is under way.
   */
  rekey(newRootKey: Uint8Array): Promise<{ readonly rekeyedAtMs: number }>;
}

/** What the keeper works with. */
export interface KeyringKeeperOptions {
  readonly storage: Pick<Storage, "readKeyring" | "createKeyring" | "replaceKeyring" | "countSeals">;
  readonly keyring: StoredKeyring;
  /** The root key that opens it. */
  readonly rootKey: Uint8Array;
  /** Seals with what the keeper finds. */
  readonly barrier: Pick<RenewableBarrier, "adopt" | "seals">;
  readonly clock: Clock;
  readonly tell: (notice: KeyringNotice) => void;
}

/** More servers than this do not change a keyring at the same moment. */
const changeTriesMax = 8;

/** Makes the keeper of a keyring, as it is stored. */
export function createKeyringKeeper(options: KeyringKeeperOptions): KeyringKeeper {
  const { storage, barrier, clock, tell } = options;
  const counter = createSealCounter(storage);
  let current = options.keyring;
  let rootKeys: readonly Uint8Array[] = [options.rootKey];
  /** What wraps the keyring now; undefined where somebody changed it and this server was not told. */
  let rootKey: Uint8Array | undefined = options.rootKey;
  let isOurs = true;
  let isHindered = false;
  /** Since when the newest data key waits to become active, by this process's clock. */
  let pending: { readonly term: number; readonly sinceMs: number } | undefined;

  const settle = (isOursNow: boolean): void => {
    if (isOurs !== isOursNow) tell(isOursNow ? "back" : "replaced");
    isOurs = isOursNow;
  };

  const take = (keyring: DatedKeyring, wrapped: Uint8Array): void => {
    // A look that was under way may have found a still later one.
    if (keyring.generation < current.generation) return;
    const isRotated = keyring.activeTerm !== current.activeTerm;
    current = { ...keyring, wrapped };
    barrier.adopt(keyring);
    if (isRotated) tell("rotated");
    const term = newestTerm(keyring);
    if (!hasPendingTerm(keyring)) pending = undefined;
    else if (pending?.term !== term) pending = { term, sinceMs: clock.nowMs() };
  };

  const writeAgain = async (stored: Uint8Array | undefined): Promise<void> => {
    const { wrapped } = current;
    const isWritten = stored
      ? await storage.replaceKeyring(wrapped, stored)
      : await storage.createKeyring(wrapped);
    // Where another server was quicker to write one, the next check looks whose it is.
    if (!isWritten) return;
    tell("writtenAgain");
    settle(true);
  };

  const follow = async (): Promise<void> => {
    const stored = await storage.readKeyring();
    if (!stored) return await writeAgain(undefined);
    if (Buffer.compare(stored, current.wrapped) === 0) return settle(true);
    const verdict = judgeKeyring(stored, current, rootKeys);
    if (verdict.kind === "earlier") return await writeAgain(stored);
    if (verdict.kind === "foreign") return settle(false);
    if (verdict.kind === "rekeyed") {
      rootKey = undefined;
      current = { ...current, generation: verdict.generation, wrapped: stored };
      tell("rekeyed");
    } else {
      rootKey = verdict.rootKey;
      take(verdict.keyring, stored);
    }
    settle(true);
  };

  /** Another server may have changed the keyring a moment ago: what is decided now goes by that. */
  const followOurs = async (): Promise<void> => {
    await follow();
    assertOurs();
  };

  /** Writes what `change` makes of the keyring, anew where another server changed it meanwhile; nothing where it makes nothing. */
  const change = async (
    changed: (keyring: DatedKeyring) => DatedKeyring | undefined,
    wrapWith: () => Uint8Array,
  ): Promise<void> => {
    for (let tries = 0; tries < changeTriesMax; tries++) {
      const next = changed(current);
      if (!next) return;
      const key = wrapWith();
      const wrapped = wrapKeyring(next, key);
      if (await storage.replaceKeyring(wrapped, current.wrapped)) {
        rootKey = key;
        return take(next, wrapped);
      }
      await followOurs();
    }
    throw new CoreError(
      "STORAGE_UNAVAILABLE",
      `The keyring was not changed: others changed it ${changeTriesMax} times meanwhile. Try again.`,
    );
  };

  const ownRootKey = (): Uint8Array => {
    if (rootKey) return rootKey;
    throw new CoreError(
      "NOT_CONFIGURED",
      "This server cannot rotate: the root key was changed since it started, and it has the earlier one. Restart it with the new root key, " +
        "or ask a server that was started with it.",
    );
  };

  const addTerm = () =>
    change(
      (keyring) => (hasPendingTerm(keyring) ? undefined : withNextTerm(keyring, clock.nowMs())),
      ownRootKey,
    );

  const activate = (term: number) =>
    change((keyring) => (keyring.activeTerm < term ? withNewestActive(keyring) : undefined), ownRootKey);

  const assertOurs = (): void => {
    if (isOurs) return;
    throw new CoreError(
      "STORAGE_UNAVAILABLE",
      "The keyring in Redis is not the one that this server works with: Redis was exchanged, or was emptied and used by another " +
        "server, or the keys were changed while this server could not follow. What is sealed with one cannot be opened with the other. " +
        "Restart this server to work with the keyring that is there; or bring back the Redis, or the keyring, that was there before.",
    );
  };

  const rotateWhereDue = async (): Promise<void> => {
    if (pending) {
      if (rootKey && clock.nowMs() - pending.sinceMs >= activateAfterMs) await activate(pending.term);
      return;
    }
    const seals = await counter.count(current.activeTerm, barrier.seals());
    if (!isRotationDue(current, seals, clock.nowMs())) return;
    if (rootKey) return await addTerm();
    if (!isHindered) tell("rotationHindered");
    isHindered = true;
  };

  return {
    async check() {
      await follow();
      if (isOurs) await rotateWhereDue();
    },
    isOurs: () => isOurs,
    assertOurs,
    async rotate(signal) {
      await followOurs();
      await addTerm();
      const term = newestTerm(current);
      await clock.sleep(activateAfterMs, signal);
      signal.throwIfAborted();
      await activate(term);
      return { term, activeSinceMs: clock.nowMs() };
    },
    async rekey(newRootKey) {
      await followOurs();
      const rekeyedAtMs = clock.nowMs();
      // Kept from now on: where the reply is lost, the next look finds a keyring that only this one opens.
      rootKeys = [...rootKeys, newRootKey];
      const rekeyed = (keyring: DatedKeyring) => {
        if (rootKey && Buffer.compare(rootKey, newRootKey) === 0) return undefined;
        // Servers that lack the new root key could not follow what is left of the rotation.
        if (hasPendingTerm(keyring)) throw rotationUnderWay();
        return { ...keyring, generation: keyring.generation + 1, rekeyedAtMs };
      };
      await change(rekeyed, () => newRootKey);
      return { rekeyedAtMs: current.rekeyedAtMs };
    },
  };
}

function rotationUnderWay(): CoreError {
  return new CoreError(
    "STORAGE_UNAVAILABLE",
    `The root key was not changed: a rotation of the data key is under way. Try again in ${activateAfterMs / 1000} seconds.`,
    { details: { retry_after: `${activateAfterMs / 1000}s` } },
  );
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
