import type { Barrier } from "./barrier.ts";
import { CoreError, hasCode, quote } from "./errors.ts";
import { type Lease, leasePath } from "./lease.ts";
import type { LeaseStore, StoredLease } from "./lease-store.ts";
import type { Mount } from "./mount.ts";
import type { MountTable } from "./mount-table.ts";
import { openLease } from "./sealed-lease.ts";

/** A lease that was found, as it is stored, with the mount that issued it. */
export interface FoundLease {
  readonly mount: Mount;
  readonly stored: StoredLease;
}

/** Finds leases by their ids alone. Throws `NO_SUCH_LEASE` for an id that is not known. */
export interface LeaseFinder {
  /** The mount that the id belongs to, whether there is such a lease or not. */
  mountOf(id: string): Promise<Mount>;
  find(id: string): Promise<FoundLease>;
  /** Finds a lease and opens it. Throws `BarrierError` where its record was changed. */
  open(id: string): Promise<{ readonly mount: Mount; readonly lease: Lease }>;
  /** The same, but undefined for a lease that has ended within the last 24 hours. */
  findUnlessEnded(id: string): Promise<FoundLease | undefined>;
}

/** Makes the lease finder. */
export function createLeaseFinder(options: {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly mounts: MountTable;
}): LeaseFinder {
  const { leases, barrier, mounts } = options;

  const mountOf = async (id: string): Promise<Mount> => {
    const path = leasePath(id);
    try {
      if (path !== "") return (await mounts.find(path)).mount;
    } catch (error) {
      if (!hasCode(error, "NO_MOUNT")) throw error;
    }
    throw noSuchLease(id);
  };

  const findUnlessEnded = async (id: string): Promise<FoundLease | undefined> => {
    const mount = await mountOf(id);
    const ref = { accessor: mount.record.accessor, id };
    const stored = await leases.get(ref);
    if (stored) return { mount, stored };
    if (await leases.hasEnded(ref)) return undefined;
    throw noSuchLease(id);
  };

  const find = async (id: string): Promise<FoundLease> => {
    const mount = await mountOf(id);
    const stored = await leases.get({ accessor: mount.record.accessor, id });
    if (!stored) throw noSuchLease(id);
    return { mount, stored };
  };

  return {
    mountOf,
    find,
    findUnlessEnded,
    async open(id) {
      const { mount, stored } = await find(id);
      return { mount, lease: openLease(barrier, stored) };
    },
  };
}

/** The error for a lease id that nothing is known of. */
export function noSuchLease(id: string): CoreError {
  return new CoreError("NO_SUCH_LEASE", `No lease has the id ${quote(id)}. List them with "lease list".`, {
    details: { lease_id: id.slice(0, 1200) },
  });
}
