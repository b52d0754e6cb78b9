import type { Abandoner } from "./abandoner.ts";
import type { SecretType } from "./backend.ts";
import type { Barrier } from "./barrier.ts";
import type { Begun } from "./begin-lease.ts";
import { creationEndsAtMs } from "./creation-limit.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { idempotencyConflict } from "./idempotency.ts";
import type { Lease, LeaseRef } from "./lease.ts";
import type { LeaseStore } from "./lease-store.ts";
import { type Mount, secretTypeOf } from "./mount.ts";
import { newFence } from "./revoker.ts";
import { openLease, sealLease } from "./sealed-lease.ts";

/** How often a lease is looked at that others keep changing. */
const triesMax = 5;

/** What the reopener works with. */
export interface ReopenerOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly abandoner: Abandoner;
  readonly settings: EngineSettings;
}

/** A live lease that was taken back into `issuing`, and how its secret is made anew. */
export interface Reopened extends Begun {
  readonly reissue: NonNullable<SecretType["reissue"]>;
}

/** Prepares leases for a request that is repeated: the first secret was stored nowhere and cannot be shown again. */
export interface Reopener {
  /**
   * Takes the lease of an earlier request back into `issuing`; undefined where it is gone, and the request is to be answered like a new one.
   * Throws `IDEMPOTENCY_CONFLICT` where the lease is neither live nor gone, or its secret cannot be made anew.
   */
  reopen(mount: Mount, id: string): Promise<Reopened | undefined>;
}

/** Makes the reopener. */
export function createReopener({ leases, barrier, abandoner, settings }: ReopenerOptions): Reopener {
  const load = async (ref: LeaseRef): Promise<Begun | undefined> => {
    const stored = await leases.get(ref);
    return stored && { lease: openLease(barrier, stored), fence: stored.fence };
  };

  /** The live lease of the earlier request. One whose issuer must have died is ended first, rather than waited for until its grace is over. */
  const findLive = async (mount: Mount, ref: LeaseRef): Promise<Lease | undefined> => {
    const found = await load(ref);
    let lease = found?.lease;
    const nowMs = await leases.nowMs();
    if (found?.lease.state === "issuing" && nowMs >= creationEndsAtMs(found.lease, settings)) {
      await abandoner.abandon(mount, found);
      lease = (await load(ref))?.lease;
    }
    if (lease === undefined || (lease.state === "active" && lease.expiresAtMs > nowMs)) return lease;
    throw idempotencyConflict(
      lease.id,
      lease.state === "issuing"
        ? "which another call is still making the secret of. Try again in a moment."
        : "which is being revoked. Try again once it is gone, or use another key.",
    );
  };

  const tryReopen = async (mount: Mount, lease: Lease): Promise<Reopened | undefined> => {
    const type = secretTypeOf(mount, lease.secretType);
    const { planReissue, reissue } = type;
    if (!planReissue || !reissue)
      throw idempotencyConflict(
        lease.id,
        "whose secret cannot be made anew. Revoke it where its secret is lost, and use another key.",
      );
    const planned = planReissue(lease.handle);
    const reopened: Lease = { ...lease, handle: planned, reissuedAtMs: await leases.nowMs() };
    const fence = newFence();
    const sealed = sealLease(barrier, reopened, planned);
    const outcome = await leases.reopen(lease, { fence, graceMs: settings.issueGraceMs, sealed });
    if (outcome !== "reopened") return undefined;
    // From here on nobody else moves its expiry; until here somebody may have.
    const current = await leases.get(lease);
    if (current?.fence !== fence) return undefined;
    const { expiresAtMs } = openLease(barrier, current);
    return { lease: { ...reopened, state: "issuing", expiresAtMs }, fence, reissue };
  };

  return {
    async reopen(mount, id) {
      const ref = { accessor: mount.record.accessor, id };
      for (let tries = 0; tries < triesMax; tries++) {
        const lease = await findLive(mount, ref);
        if (lease === undefined) return undefined;
        const reopened = await tryReopen(mount, lease);
        if (reopened) return reopened;
      }
      throw idempotencyConflict(id, "which others keep changing. Try again in a moment.");
    },
  };
}
