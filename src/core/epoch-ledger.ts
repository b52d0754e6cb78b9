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

/** Changes of a mount that the storage had, and has no more. */
export interface Loss {
  readonly accessor: string;
  /** As it was. */
  readonly known: RememberedMount;
  readonly seenAtMs: number;
  /** Undefined where the whole mount is missing. */
  readonly epoch: number | undefined;
  /** Whether only the newest changes are missing, as after a failover. */
  readonly isTail: boolean;
}

interface Entry extends RememberedMount {
  /** The epoch some time ago: 10 to 20 seconds, where it was known as long. */
  readonly settledEpoch: number;
  /** What the settled one becomes; undefined for what was read from a file and not seen yet. */
  readonly next: { readonly epoch: number; readonly atMs: number } | undefined;
}

/** Remembers the epoch of each mount, and tells where one goes back. */
export interface EpochLedger {
  /** Takes over what was written down; any change that is missing since counts. */
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
  let changed = new Set<string>();
  let seenAtMs = 0;

  const entryOf = (path: string, epoch: number, before: Entry | undefined, nowMs: number): Entry => {
    if (!before?.next || epoch < before.epoch) {
      return { path, epoch, leases: before?.leases ?? 0, settledEpoch: epoch, next: { epoch, atMs: nowMs } };
    }
    const { leases, settledEpoch, next } = before;
    const isSettled = nowMs - next.atMs >= tailMs;
    return {
      ...{ path, epoch, leases },
      settledEpoch: isSettled ? next.epoch : settledEpoch,
      next: isSettled ? { epoch, atMs: nowMs } : next,
    };
  };

  return {
    load(remembered) {
      seenAtMs = remembered.seenAtMs;
      const entries = [...remembered.mounts].map(([accessor, mount]) => {
        return [accessor, { ...mount, settledEpoch: mount.epoch, next: undefined }] as const;
      });
      known = new Map(entries);
    },
    losses(seen) {
      return [...known].flatMap(([accessor, entry]): readonly Loss[] => {
        const { path, epoch, leases, settledEpoch } = entry;
        const mount = seen.get(accessor);
        const isThere = mount !== undefined;
        if (isThere && (mount.epoch === undefined || mount.epoch >= epoch)) return [];
        const isTail = mount?.epoch !== undefined && mount.epoch >= settledEpoch;
        return [{ accessor, known: { path, epoch, leases }, seenAtMs, epoch: mount?.epoch, isTail }];
      });
    },
    accept(seen, time) {
      const next = new Map<string, Entry>();
      for (const [accessor, { path, epoch }] of seen) {
        const before = known.get(accessor);
        if (epoch !== undefined) next.set(accessor, entryOf(path, epoch, before, time.nowMs));
        else if (before) next.set(accessor, before);
        if (epoch !== undefined && epoch !== before?.epoch) changed.add(accessor);
      }
      for (const accessor of known.keys()) if (!next.has(accessor)) changed.add(accessor);
      known = next;
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
        [...known].map(([accessor, { path, epoch, leases }]) => [accessor, { path, epoch, leases }]),
      ),
    }),
  };
}
