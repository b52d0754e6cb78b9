import { createMemoryEventLog, type MemoryEventLog } from "./memory-event-log.ts";
import type { MemoryLease } from "./memory-lease.ts";

/** What the memory store keeps of one mount. */
export interface MemoryMount {
  state: "mounted" | "unmounting" | undefined;
  epoch: number;
  readonly leases: Map<string, MemoryLease>;
  /** When each ended lease ended. */
  readonly gone: Map<string, number>;
  readonly log: MemoryEventLog;
}

/** Mounts by accessor, each made when it is first asked for. */
export interface MemoryMounts {
  of(accessor: string): MemoryMount;
  /** The mount where there is one. */
  find(accessor: string): MemoryMount | undefined;
  all(): Iterable<readonly [accessor: string, mount: MemoryMount]>;
  forget(accessor: string): void;
}

/** Makes an empty collection of mounts. */
export function createMemoryMounts(): MemoryMounts {
  const mounts = new Map<string, MemoryMount>();
  return {
    of(accessor) {
      const made = { state: undefined, epoch: 0, leases: new Map(), gone: new Map() };
      const mount = mounts.get(accessor) ?? { ...made, log: createMemoryEventLog() };
      mounts.set(accessor, mount);
      return mount;
    },
    find: (accessor) => mounts.get(accessor),
    all: () => mounts,
    forget: (accessor) => void mounts.delete(accessor),
  };
}
