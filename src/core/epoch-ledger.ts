import type { Remembered, RememberedMount } from "./observer-memory.ts";

/**
 * As much of the newest changes a running server takes for what a failover or a crash of the storage loses: those of
 * the last 10 to 20 seconds.
 */
const tailMs = 10_000;

/** A mount as it is in the storage now. */
export interface SeenMount {
  readonly path: string;
  /** Undefined where it could not be read. */
  readonly epoch: number | undefined;
}

/** Changes of a mount that the storage had, and has no more; all of them where the whole mount is missing. */
export interface Loss {
  readonly accessor: string;
  /** As it was. */
  readonly known: RememberedMount;
  readonly seenAtMs: number;
  /** Undefined where the whole mount is missing. */
  readonly epoch: number | undefined;
  /** Whether only the newest changes are missing, as after a failover: of a mount as new as that, all of them. */
  readonly isTail: boolean;
}

interface Entry extends RememberedMount {
  /** What the settled epoch becomes; undefined for what was read from a file and not seen yet. */
  readonly next: { readonly epoch: number; readonly atMs: number } | undefined;
}

/** Remembers the epoch of each mount, and tells where one goes back. */
export interface EpochLedger {
  /** Takes over what was written down. */
  load(remembered: Remembered): void;
  /** What of the known is missing in what is seen. */
  losses(seen: ReadonlyMap<string, SeenMount>): readonly Loss[];
  /** Takes what is seen as what is known, whatever was known before. */
  accept(
    seen: ReadonlyMap<string, SeenMount>,
    time: { readonly seenAtMs: number; readonly nowMs: number },
  ): void;
  /** Accessors of the mounts that have changed since this was asked last. */
  takeChanged(): readonly string[];
  /** Notes how many leases a mount has. */
  setLeases(accessor: string, leases: number): void;
  /** What is known, to be written down. */
  remembered(): Remembered;
}

/** Makes an empty ledger. */
export function createEpochLedger(): EpochLedger {
  let known = new Map<string, Entry>();
  /** Mounts that were there when they were looked for, and could not be read yet. */
  let unread = new Set<string>();
  let hasLooked = false;
  let changed = new Set<string>();
  let seenAtMs = 0;

  /** A mount that was there before anybody looked: how old its newest change is, nobody knows. */
  const unknownOf = (path: string, epoch: number, leases: number, nowMs: number): Entry => ({
    ...{ path, epoch, leases },
    settledEpoch: epoch,
    next: { epoch, atMs: nowMs },
  });

  const entryOf = (accessor: string, path: string, epoch: number, nowMs: number): Entry => {
    const before = known.get(accessor);
    if (!before) {
      // One that was not there a moment ago is as new as all of its changes.
      const isNew = hasLooked && !unread.has(accessor);
      const entry = unknownOf(path, epoch, 0, nowMs);
      return isNew ? { ...entry, settledEpoch: 0 } : entry;
    }
    const { leases, settledEpoch, next } = before;
    if (!next || epoch < settledEpoch) return unknownOf(path, epoch, leases, nowMs);
    // Where the newest changes were lost, the epoch of then may be above what is left of it.
    const then = { ...next, epoch: Math.min(next.epoch, epoch) };
    const isSettled = nowMs - then.atMs >= tailMs;
    return {
      ...{ path, epoch, leases },
      settledEpoch: isSettled ? then.epoch : settledEpoch,
      next: isSettled ? { epoch, atMs: nowMs } : then,
    };
  };

  return {
    load(remembered) {
      seenAtMs = remembered.seenAtMs;
      const entries = [...remembered.mounts].map(([accessor, mount]) => {
        return [accessor, { ...mount, next: undefined }] as const;
      });
      known = new Map(entries);
    },
    losses(seen) {
      return [...known].flatMap(([accessor, entry]): readonly Loss[] => {
        const { path, epoch, leases, settledEpoch } = entry;
        const mount = seen.get(accessor);
        const isThere = mount !== undefined;
        if (isThere && (mount.epoch === undefined || mount.epoch >= epoch)) return [];
        const isTail = (mount?.epoch ?? 0) >= settledEpoch;
        const lost = { path, epoch, leases, settledEpoch };
        return [{ accessor, known: lost, seenAtMs, epoch: mount?.epoch, isTail }];
      });
    },
    accept(seen, time) {
      const next = new Map<string, Entry>();
      const stillUnread = new Set<string>();
      for (const [accessor, { path, epoch }] of seen) {
        const before = known.get(accessor);
        if (epoch !== undefined) next.set(accessor, entryOf(accessor, path, epoch, time.nowMs));
        else if (before) next.set(accessor, before);
        else stillUnread.add(accessor);
        const { epoch: nowEpoch, settledEpoch } = next.get(accessor) ?? {};
        // What has settled is written down, too: after a restart less of it may be missing then.
        if (nowEpoch !== before?.epoch || settledEpoch !== before?.settledEpoch) changed.add(accessor);
      }
      for (const accessor of known.keys()) if (!next.has(accessor)) changed.add(accessor);
      known = next;
      unread = stillUnread;
      hasLooked = true;
      seenAtMs = time.seenAtMs;
    },
    takeChanged() {
      const taken = [...changed];
      changed = new Set();
      return taken;
    },
    setLeases(accessor, leases) {
      const entry = known.get(accessor);
      if (entry) known.set(accessor, { ...entry, leases });
    },
    remembered: () => ({
      seenAtMs,
      mounts: new Map(
        [...known].map(([accessor, { path, epoch, leases, settledEpoch }]) => [
          accessor,
          { path, epoch, leases, settledEpoch },
        ]),
      ),
    }),
  };
}
