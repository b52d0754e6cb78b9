import type { LeaseState } from "./lease.ts";
import type { LeaseStore } from "./lease-store.ts";
import type { Mount } from "./mount.ts";

const askedAtOnce = 50;

/** How things stand on all mounts together. */
export interface Inventory {
  /** Leases by type of mount and by state; a type with a mount has every state. */
  readonly leases: ReadonlyMap<string, Readonly<Record<LeaseState, number>>>;
  /** How long the lease that has been due longest has waited to be claimed; 0 where none waits. */
  readonly oldestDueMs: number;
}

/** Takes the inventory, in a few constant-time calls for each mount. Rejects with `STORAGE_UNAVAILABLE`. */
export async function takeInventory(
  leases: Pick<LeaseStore, "count" | "peekDue">,
  mounts: readonly Mount[],
): Promise<Inventory> {
  const byType = new Map<string, Record<LeaseState, number>>();
  let oldestDueMs = 0;
  const look = async ({ type: { type }, record: { accessor } }: Mount): Promise<void> => {
    const [{ byState }, { due, nowMs }] = await Promise.all([
      leases.count(accessor),
      leases.peekDue(accessor, { limit: 1, touch: false }),
    ]);
    const sums = byType.get(type) ?? { issuing: 0, active: 0, revoking: 0, irrevocable: 0 };
    for (const state of ["issuing", "active", "revoking", "irrevocable"] as const)
      sums[state] += byState[state] ?? 0;
    byType.set(type, sums);
    const [oldest] = due;
    if (oldest) oldestDueMs = Math.max(oldestDueMs, nowMs - oldest.dueAtMs);
  };
  for (let at = 0; at < mounts.length; at += askedAtOnce)
    await Promise.all(mounts.slice(at, at + askedAtOnce).map(look));
  return { leases: byType, oldestDueMs };
}
