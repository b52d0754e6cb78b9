import type { MountLeases } from "../../../core/mount-leases.ts";
import { isAwsFailure } from "../aws-failure.ts";
import { iamUserTypeName } from "../iam-user.ts";
import type { OpenRoot } from "../root-access.ts";
import { again } from "./find-orphans.ts";
import type { LeaselessUser } from "./found-user.ts";
import { orphanHandle } from "./orphan-handle.ts";
import { LeaveOrphan, type OrphanOutcome } from "./orphan-outcome.ts";
import { workOffOrphans } from "./work-off-orphans.ts";

/** What an adoption works with. */
export interface AdoptContext {
  readonly root: OpenRoot;
  readonly leases: MountLeases;
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
}

/** Makes leases for orphans, which end at the time in their tags. Those that are over already come due at once. */
export function adoptOrphans(
  orphans: readonly LeaselessUser[],
  context: AdoptContext,
): Promise<OrphanOutcome> {
  const { leases, root, isOver } = context;
  return workOffOrphans(orphans, {
    doing: "adopt user",
    countMax: Number.POSITIVE_INFINITY,
    isOver,
    work: async (orphan) => {
      const { user, leasePath, tags } = orphan;
      const key = await onlyKeyOf(user, context);
      const id = await leases.adopt({
        path: leasePath,
        leaseUuid: tags.leaseUuid,
        role: tags.role,
        secretType: iamUserTypeName,
        handle: { ...orphanHandle(orphan, root), ...(key === undefined ? {} : { key }) },
        expiresAtMs: tags.guardedToMs,
      });
      if (id === undefined) throw new LeaveOrphan("Its lease is known by now.");
    },
  });
}

/** The access key of a user, by which a revocation makes it useless in one call; undefined for any number but one. */
async function onlyKeyOf(user: string, context: AdoptContext): Promise<string | undefined> {
  const { root, signal } = context;
  try {
    const keys = await again(() => root.iam.list({ user, belonging: "accessKey", signal }), context);
    return keys.length === 1 ? keys[0] : undefined;
  } catch (error) {
    if (isAwsFailure(error, "absent")) throw new LeaveOrphan("It is gone by now.");
    throw error;
  }
}
