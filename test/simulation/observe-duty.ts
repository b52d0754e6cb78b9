import type { LeaseStore } from "../../src/core/lease-store.ts";
import type { ObserverMemory, Remembered } from "../../src/core/observer-memory.ts";
import type { Invariants } from "./invariants.ts";
import { mountKey } from "./redis-keys.ts";
import type { Process } from "./scheduler.ts";
import type { World } from "./world.ts";

/** Which servers may only observe, since they have seen of Redis what it holds no more. */
export interface ObserveDuty {
  /** What a server keeps in its state file, which outlives its processes. */
  memoryOf(name: string, process: Process): ObserverMemory;
  /** A server says that it observes; it has written that down by then. */
  observes(name: string): void;
  /** The same store, watched for what a server takes by itself. */
  watched(name: string, leases: LeaseStore): LeaseStore;
}

/** More changes than there are while a server starts. */
const startChangesMax = 10;

/** Makes the duty of nobody: it begins when Redis comes back from a backup, and ends for all when an operator says go. */
export function createObserveDuty(options: {
  readonly world: World;
  readonly invariants: Invariants;
  /** The mount that nobody ever unmounts. */
  readonly path: string;
}): ObserveDuty {
  const { world, invariants, path } = options;
  const { redis, scheduler, operator } = world;
  const random = world.random("state files");
  const files = new Map<string, Remembered>();
  const bound = new Set<string>();
  /** Servers that know that they are bound, whatever the epochs come to be. */
  const aware = new Set<string>();
  /** When each claim was sent for the first time; what is sent again was decided then. */
  const sentAtMs = new Map<string, number>();
  let restoredAtMs = 0;
  /** Servers that have seen since then what Redis holds. */
  const looked = new Set<string>();

  /** Whether what a file says of the lasting mount is more than the last seconds ahead of what Redis holds. */
  const isLost = ({ mounts }: Remembered, marginOfChanges = 0): boolean =>
    [...mounts].some(([accessor, mount]) => {
      const epoch = Number(redis.keys.values.get(mountKey(accessor, "epoch"))?.value ?? 0);
      return mount.path === path && epoch + marginOfChanges < mount.settledEpoch;
    });

  redis.onRestored(() => {
    restoredAtMs = scheduler.nowMs();
    looked.clear();
    if (operator.isSayingGo()) return;
    for (const [name, file] of files) if (isLost(file)) bound.add(name);
  });
  operator.onGo(() => {
    bound.clear();
    aware.clear();
  });

  /**
   * A server that was cut off, or stood still, while others made as many changes as were lost is told of an epoch that says nothing:
   * it is not bound. What it is told first decides; from then on it follows the epoch.
   */
  const look = (name: string, accessor: string, epoch: number): void => {
    const known = files.get(name)?.mounts.get(accessor);
    if (known?.path !== path || looked.has(name)) return;
    looked.add(name);
    if (!aware.has(name) && epoch >= known.settledEpoch) bound.delete(name);
  };

  return {
    memoryOf: (name, process) => ({
      async read() {
        const file = files.get(name);
        // Changes that were made since the loss hide it from a server that has seen nothing of it yet but its file.
        if (file && !aware.has(name) && !isLost(file, startChangesMax)) bound.delete(name);
        return file;
      },
      write: (remembered) =>
        new Promise((resolve) => {
          process.after(random.between(0.5, 10), () => {
            files.set(name, remembered);
            resolve();
          });
        }),
    }),
    observes: (name) => void aware.add(name),
    watched: (name, leases) => ({
      ...leases,
      async epoch(accessor) {
        const sentAtMs = scheduler.nowMs();
        const epoch = await leases.epoch(accessor);
        if (sentAtMs >= restoredAtMs) look(name, accessor, epoch);
        return epoch;
      },
      async claim(accessor, claims, how) {
        if (!sentAtMs.has(how.fence)) sentAtMs.set(how.fence, scheduler.nowMs());
        const isBound = bound.has(name) && (sentAtMs.get(how.fence) ?? 0) >= restoredAtMs;
        const outcomes = await leases.claim(accessor, claims, how);
        const taken = claims.find(
          ({ kind }, at) => kind === "due" && outcomes[at]?.kind === "claimed" && isBound,
        );
        if (taken)
          invariants.violate(
            "nothing is revoked before an operator says go",
            `${name} took ${taken.id} by itself, though Redis came back from a backup`,
          );
        return outcomes;
      },
    }),
  };
}
