import type { Wakeups } from "../../src/core/lease-store.ts";
import type { MemoryLease } from "./memory-lease.ts";

/** Tells the servers of a test that leases came due, as Redis tells of expired keys. */
export interface MemoryWakeups {
  /** The wakeups of one server. */
  create(): Wakeups;
  /** Tells every started listener of a mount, where one of the leases has come due and that was not told before. */
  announce(accessor: string, leases: Iterable<MemoryLease>): void;
  /** Tells every started listener that wakeups may have been missed. */
  fireGap(): void;
}

/** Makes wakeups that nobody listens to yet. */
export function createMemoryWakeups(nowMs: () => number): MemoryWakeups {
  const listeners = new Set<Parameters<Wakeups["start"]>[0]>();
  return {
    create() {
      let mine: Parameters<Wakeups["start"]>[0] | undefined;
      return {
        async start(listener) {
          mine = { ...listener };
          listeners.add(mine);
        },
        async stop() {
          if (mine) listeners.delete(mine);
        },
      };
    },
    announce(accessor, leases) {
      let isNews = false;
      for (const lease of leases) {
        if (lease.isAnnounced || lease.dueAtMs > nowMs()) continue;
        lease.isAnnounced = true;
        isNews = true;
      }
      if (isNews) for (const listener of listeners) listener.onWake(accessor);
    },
    fireGap() {
      for (const listener of listeners) listener.onGap();
    },
  };
}
