import type { MountLeases } from "../../../core/mount-leases.ts";
import type { MountStorage } from "../../../core/mount-storage.ts";
import type { OpenRoot, RootAccess } from "../root-access.ts";
import { findOrphans } from "./find-orphans.ts";
import type { FoundUser } from "./found-user.ts";
import { readSweepScope } from "./sweep-scope.ts";

/**
 * How long a sweep looks, and then acts, before it leaves the rest to the next one, in milliseconds. A caller of the command line waits
 * a minute, and is to get an answer of what was done.
 */
const lookMsMax = 25_000;
const actMsMax = 20_000;

/** What the paths of orphans work with. */
export interface OrphanPathsOptions {
  readonly accessor: string;
  readonly storage: MountStorage;
  readonly leases: MountLeases;
  readonly access: RootAccess;
  readonly consistencyMs: number;
}

/** What is asked of a sweep. */
export interface SweepRequest {
  readonly fields: { readonly accessor: string | undefined; readonly user_path: string | undefined };
  readonly mountPath: string;
  readonly signal: AbortSignal;
}

/** What a sweep has found, and what to go on with. */
export interface Sweep {
  /** Accessor whose users count. */
  readonly accessor: string;
  readonly found: readonly FoundUser[];
  readonly root: OpenRoot;
  /** Once it says true, nothing more is to be begun. */
  readonly isOver: () => boolean;
}

/** Looks for orphans as a request says. Rejects with `NOT_CONFIGURED`, and as `findOrphans` does. */
export async function sweep(
  { fields, mountPath, signal }: SweepRequest,
  { accessor: ownAccessor, storage, leases, access }: OrphanPathsOptions,
): Promise<Sweep> {
  const stored = await access.open(mountPath);
  const [scope, root] = await Promise.all([
    readSweepScope(storage, fields.user_path),
    access.withAccount(stored, signal),
  ]);
  const accessor = fields.accessor ?? ownAccessor;
  const limitOf = (ms: number) => {
    const endsAtMs = root.clock.nowMs() + ms;
    return () => signal.aborted || root.clock.nowMs() >= endsAtMs;
  };
  const found = await findOrphans({
    ...{ root, leases, mountPath, accessor, scope, signal },
    isOver: limitOf(lookMsMax),
  });
  return { accessor, found, root, isOver: limitOf(actMsMax) };
}
