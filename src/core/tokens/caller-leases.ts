import type { LeaseStore } from "../lease-store.ts";
import type { MountTable } from "../mount-table.ts";
import { newFence } from "../revoker.ts";

const claimedAtOnceMax = 100;

/**
 * Makes what has all leases of a caller end: each is taken into `revoking`, due at once, and from there the lanes of all servers go
 * on. Rejects where the storage is away; run again it takes what is left.
 */
export function createCallerLeaseEnder(options: {
  readonly leases: Pick<LeaseStore, "idsOfCaller" | "claim">;
  readonly mounts: Pick<MountTable, "refresh" | "all">;
  /** Has this server look at what is due on a mount now. */
  readonly wake: (accessor: string) => void;
}): (callerId: string) => Promise<void> {
  const { leases, mounts, wake } = options;

  const endIn = async (accessor: string, callerId: string): Promise<void> => {
    const ids = await leases.idsOfCaller(accessor, callerId);
    for (let from = 0; from < ids.length; from += claimedAtOnceMax) {
      const claims = ids
        .slice(from, from + claimedAtOnceMax)
        .map((id) => ({ kind: "requested", id }) as const);
      await leases.claim(accessor, claims, { fence: newFence(), visibilityMs: 0 });
      wake(accessor);
    }
  };

  return async (callerId) => {
    // Another server may have mounted a moment ago.
    await mounts.refresh();
    const accessors = mounts
      .all()
      .filter(({ backend }) => backend.secretTypes.length > 0)
      .map(({ record }) => record.accessor);
    await Promise.all(accessors.map((accessor) => endIn(accessor, callerId)));
  };
}
