import { waitUntilMs } from "./answer-time.ts";
import { type Barrier, BarrierError } from "./barrier.ts";
import type { Clock } from "./clock.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError, quote } from "./errors.ts";
import type { Lease } from "./lease.ts";
import type { FoundLease, LeaseFinder } from "./lease-finder.ts";
import type { LeaseStore, StoredLease } from "./lease-store.ts";
import { type Mount, secretTypeOf } from "./mount.ts";
import { newFence } from "./revoker.ts";
import { openLease } from "./sealed-lease.ts";

const pollMs = 100;

/** What the forgetter works with. */
export interface ForgetterOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly finder: LeaseFinder;
  readonly settings: EngineSettings;
  readonly clock: Clock;
}

/** How a lease is to be forgotten. */
export interface Forgetting {
  /** Without it, the caller is only told what would be left behind. */
  readonly isForced: boolean;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

/** Drops the records of leases that cannot be revoked, for a person who looks after what they stand for. */
export interface Forgetter {
  /**
   * Answers what was left behind, a sentence each; nothing for a lease that has ended by itself. Throws `NO_SUCH_LEASE`,
   * `LEASE_ACTIVE`, `NEEDS_FORCE`, and `REVOCATION_PENDING` where a worker does not let go of the lease in time.
   */
  forget(id: string, forgetting: Forgetting): Promise<readonly string[]>;
}

/** Makes the forgetter. */
export function createForgetter(options: ForgetterOptions): Forgetter {
  const { leases, barrier, finder, settings, clock } = options;

  /** The lease behind a record; undefined where the record was changed, and nobody can tell. */
  const tryOpen = (stored: StoredLease): Lease | undefined => {
    try {
      return openLease(barrier, stored);
    } catch (error) {
      if (error instanceof BarrierError) return undefined;
      throw error;
    }
  };

  const leftBehind = (mount: Mount, stored: StoredLease): readonly string[] => {
    const lease = tryOpen(stored);
    const isDisarmed = stored.disarmedAtMs !== undefined;
    const known = lease && secretTypeOf(mount, lease.secretType).leftBehind?.(lease.handle, { isDisarmed });
    return known ?? [`Whatever lease ${quote(stored.id)} stands for, which its record does not tell.`];
  };

  /** Takes the lease away from the expirers and drops its record. Answers false while a worker holds it. */
  const drop = async ({ mount, stored }: FoundLease): Promise<readonly string[] | "busy"> => {
    const { accessor, id } = stored;
    const fence = newFence();
    const { visibilityMs } = settings;
    const [claim] = await leases.claim(accessor, [{ kind: "requested", id }], { fence, visibilityMs });
    if (claim?.kind === "unknown") return [];
    if (claim?.kind !== "claimed") return "busy";
    const { role, caller } = tryOpen(claim.lease) ?? { role: "", caller: "" };
    const outcome = await leases.finish(stored, { fence, role, caller, isForgotten: true });
    return outcome === "done" ? leftBehind(mount, claim.lease) : "busy";
  };

  return {
    async forget(id, { isForced, signal, deadlineMs }) {
      const found = await finder.findUnlessEnded(id);
      if (!found) return [];
      const { state } = found.stored;
      if (state === "active" || state === "issuing") throw leaseActive(id, state);
      if (!isForced) throw needsForce(id, leftBehind(found.mount, found.stored));
      const untilMs = Math.min(clock.nowMs() + settings.revokeWaitMs, waitUntilMs(deadlineMs));
      for (;;) {
        const dropped = await drop(found);
        if (dropped !== "busy") return dropped;
        if (clock.nowMs() >= untilMs || signal.aborted) throw stillHeld(id);
        await clock.sleep(pollMs, signal);
      }
    },
  };
}

/** The error for what can only be asked of a lease that is being revoked. */
export function leaseActive(id: string, state: string): CoreError {
  return new CoreError(
    "LEASE_ACTIVE",
    `Lease ${quote(id)} is ${state}, and not being revoked. Revoke it first.`,
    { details: { lease_id: id, state } },
  );
}

function needsForce(id: string, left: readonly string[]): CoreError {
  return new CoreError(
    "NEEDS_FORCE",
    `Forgetting lease ${quote(id)} revokes nothing, and leaves behind: ${left.join(" ")} ` +
      "Say that you look after that, with force, or have the revocation tried again.",
    { details: { lease_id: id, left_behind: left.join(" ") } },
  );
}

function stillHeld(id: string): CoreError {
  return new CoreError(
    "REVOCATION_PENDING",
    `Lease ${quote(id)} was not forgotten: an attempt to revoke it is under way right now. Try again in a moment.`,
    { details: { lease_id: id } },
  );
}
