import type { Barrier } from "./barrier.ts";
import { unmounting } from "./begin-lease.ts";
import { CoreError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { type Lease, leaseId } from "./lease.ts";
import type { LeaseStore } from "./lease-store.ts";
import { newFence } from "./revoker.ts";
import { sealLease } from "./sealed-lease.ts";

/** A secret that exists at the vendor, and that no lease names any more. */
export interface Adoption {
  /** Full path that the secret was issued at, mount included. */
  readonly path: string;
  /** UUID of the lease that it had. */
  readonly leaseUuid: string;
  readonly role: string;
  readonly secretType: string;
  /** What a revocation of the secret needs. */
  readonly handle: JsonObject;
  /** When it is to end; a time that has passed means now. The lease cannot be renewed beyond it. */
  readonly expiresAtMs: number;
}

/** The leases of one mount, as its backend may see and mend them. */
export interface MountLeases {
  /** The storage's time, in milliseconds since 1970. */
  nowMs(): Promise<number>;
  /** Tells whether a lease is stored, in whatever state. */
  isKnown(path: string, leaseUuid: string): Promise<boolean>;
  /**
   * Makes a lease for a secret that has none, active and due at its expiry. Answers its id; undefined where it is known, and
   * nothing is changed then. Throws `MOUNT_UNMOUNTING`, `LIMIT_EXCEEDED`.
   */
  adopt(adoption: Adoption): Promise<string | undefined>;
  /** Says whether this server observes only: then nothing that lives may be ended. */
  isObserving(): boolean;
}

/** Id of the caller of leases that were made for secrets found at the vendor. */
export const adoptingCaller = "adopted";

/** Makes the view that a backend has of the leases of its mount. */
export function createMountLeases(options: {
  readonly accessor: string;
  readonly mountPath: string;
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly issueGraceMs: number;
  readonly isObserving: () => boolean;
}): MountLeases {
  const { accessor, mountPath, leases, barrier, issueGraceMs, isObserving } = options;
  return {
    nowMs: () => leases.nowMs(),
    isKnown: async (path, leaseUuid) =>
      (await leases.get({ accessor, id: leaseId(path, leaseUuid) })) !== undefined,
    isObserving,
    async adopt({ path, leaseUuid, role, secretType, handle, expiresAtMs: wantedMs }) {
      const id = leaseId(path, leaseUuid);
      if (await leases.get({ accessor, id })) return undefined;
      const issuedAtMs = await leases.nowMs();
      // A lease that is over already comes due at once.
      const expiresAtMs = Math.max(wantedMs, issuedAtMs + 1);
      const lease: Lease = {
        ...{ id, path, accessor, role, secretType, handle, issuedAtMs, expiresAtMs },
        caller: adoptingCaller,
        ttlMs: expiresAtMs - issuedAtMs,
        maxExpiresAtMs: expiresAtMs,
        state: "issuing",
        disarmedAtMs: undefined,
        attempts: 0,
        lastError: "",
        isRenewable: false,
      };
      const sealed = sealLease(barrier, lease, handle);
      const fence = newFence();
      const outcome = await leases.begin({
        ...{ accessor, id, sealed, role, caller: lease.caller, issuedAtMs, expiresAtMs, fence },
        graceEndsAtMs: issuedAtMs + issueGraceMs,
        isRenewable: false,
      });
      if (outcome === "unmounting" || outcome === "unmounted") throw unmounting(mountPath);
      if (outcome !== "begun") {
        throw new CoreError(
          "STORAGE_UNAVAILABLE",
          "The clock of the storage jumps; nothing was adopted. Try again.",
        );
      }
      // Claimed meanwhile, it is being revoked, which is what a lease is for.
      await leases.activate(lease, { fence, sealed, expiresAtMs });
      return id;
    },
  };
}
