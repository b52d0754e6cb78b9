import type { MountLeases } from "../../../core/mount-leases.ts";
import { destroyUser } from "../destroy-user.ts";
import { disarmUser } from "../disarm-user.ts";
import type { OpenRoot, RootAccess } from "../root-access.ts";
import type { UserHandle } from "../user-handle.ts";
import type { LeaselessUser } from "./found-user.ts";
import { orphanHandle } from "./orphan-handle.ts";
import { LeaveOrphan, type OrphanOutcome } from "./orphan-outcome.ts";
import { workOffOrphans } from "./work-off-orphans.ts";

/** Orphans that a pass may remove however few users there are: a share of few is none. */
const removalsMin = 10;

/** How many orphans a pass may remove, out of so many leased users. */
export function removalsMax(leasedUsers: number, sharePercent: number): number {
  return Math.max(removalsMin, Math.floor((leasedUsers * sharePercent) / 100));
}

/** What a removal works with. */
export interface TidyContext {
  readonly access: RootAccess;
  readonly root: OpenRoot;
  readonly leases: MountLeases;
  readonly consistencyMs: number;
  readonly countMax: number;
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
}

/**
 * Removes orphans that are over, each as a revocation would: its path and tag are read again, its keys go first, and then the rest. None
 * is removed while the server observes only, nor one whose lease is known by now.
 */
export function tidyOrphans(expired: readonly LeaselessUser[], context: TidyContext): Promise<OrphanOutcome> {
  const { leases, root, countMax, isOver } = context;
  return workOffOrphans(expired, {
    doing: "remove user",
    ...{ countMax, isOver },
    work: async (orphan) => {
      if (leases.isObserving()) {
        throw new LeaveOrphan(
          "This server observes only, and removes nothing. Say go first: leasehold operator resume",
        );
      }
      if (await leases.isKnown(orphan.leasePath, orphan.tags.leaseUuid)) {
        throw new LeaveOrphan("Its lease is known by now, and ends it.");
      }
      await remove(orphanHandle(orphan, root), { ...context, nowMs: await leases.nowMs() });
    },
  });
}

async function remove(handle: UserHandle, context: TidyContext & { readonly nowMs: number }): Promise<void> {
  const disarmed = disarmUser(handle, context);
  await destroyUser(handle, {
    ...context,
    disarmed,
    // It was listed, and is over for longer than the grace: nobody makes it any more, and AWS knows it.
    createsEndedAtMs: Number.NEGATIVE_INFINITY,
    // Nobody comes after this attempt by a record: the next pass finds what is left by itself.
    checkpoint: async () => {},
  });
}
