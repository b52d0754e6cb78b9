import { waitUntilMs } from "./answer-time.ts";
import type { RetryPlan } from "./backoff.ts";
import type { Barrier } from "./barrier.ts";
import type { Clock } from "./clock.ts";
import { formatDuration } from "./duration.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError, quote } from "./errors.ts";
import { createForgetter, type Forgetter, leaseActive } from "./forgetter.ts";
import type { LeaseRef } from "./lease.ts";
import { createLeaseFinder, noSuchLease } from "./lease-finder.ts";
import type { LeaseStore } from "./lease-store.ts";
import { viewStoredLease } from "./lease-view.ts";
import type { MountTable } from "./mount-table.ts";
import { createRenewer, type Renewer } from "./renewer.ts";
import type { LeaseView } from "./requests.ts";
import type { Revoker } from "./revoker.ts";
import { untilAborted } from "./until-aborted.ts";

const pollMs = 100;

/** What the lease desk works with. */
export interface LeaseDeskOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly mounts: MountTable;
  readonly revoker: Revoker;
  readonly settings: EngineSettings;
  readonly clock: Clock;
}

/** How long a caller waits. */
export interface Patience {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

/** What a caller can have done to one lease. Every method throws `NO_SUCH_LEASE` for an id that is not known. */
export interface LeaseDesk extends Renewer, Forgetter {
  lookup(id: string): Promise<LeaseView>;
  /**
   * Resolves once the lease is gone, with what the backend has to say of it. Throws `REVOCATION_PENDING` where that takes longer;
   * it goes on all the same.
   */
  revoke(id: string, patience: Patience): Promise<readonly string[]>;
  /** Does the same, at once, for a lease that is being revoked already. Throws `LEASE_ACTIVE` for another. */
  retry(id: string, patience: Patience): Promise<readonly string[]>;
}

/** Makes the lease desk. */
export function createLeaseDesk(options: LeaseDeskOptions): LeaseDesk {
  const { leases, barrier, revoker, settings, clock } = options;
  const finder = createLeaseFinder(options);

  const waitUntilGone = async (lease: LeaseRef, untilMs: number, signal: AbortSignal): Promise<boolean> => {
    while (clock.nowMs() < untilMs && !signal.aborted) {
      await clock.sleep(pollMs, signal);
      if (!(await leases.get(lease))) return true;
    }
    return false;
  };

  const revoke = async (id: string, { signal, deadlineMs }: Patience): Promise<readonly string[]> => {
    const mount = await finder.mountOf(id);
    const ref = { accessor: mount.record.accessor, id };
    const [attempt] = revoker.revoke(mount, [{ kind: "requested", id }]);
    const outcome = await untilAborted(Promise.resolve(attempt), signal);
    if (outcome === undefined) return [];
    if (outcome.kind === "revoked") return outcome.warnings ?? [];
    if (outcome.kind === "unknown") {
      if (await leases.hasEnded(ref)) return [];
      throw noSuchLease(id);
    }
    const retry = outcome.kind === "failed" ? outcome.retry : undefined;
    // Refused or unreachable: an answer now is worth more than a wait. Otherwise it is a matter of seconds.
    const isSoon = retry === undefined || retry.isSoon;
    const untilMs = Math.min(clock.nowMs() + settings.revokeWaitMs, waitUntilMs(deadlineMs));
    if (isSoon && (await waitUntilGone(ref, untilMs, signal))) return [];
    throw revocationPending(id, retry);
  };

  return {
    ...createRenewer({ ...options, finder }),
    ...createForgetter({ ...options, finder }),
    revoke,
    async lookup(id) {
      const { stored } = await finder.find(id);
      return viewStoredLease(barrier, stored, await leases.nowMs());
    },
    async retry(id, patience) {
      const found = await finder.findUnlessEnded(id);
      if (!found) return [];
      const { state } = found.stored;
      // No lease comes back from `revoking`, so what was looked at still holds when it is claimed.
      if (state === "active" || state === "issuing") throw leaseActive(id, state);
      return await revoke(id, patience);
    },
  };
}

function revocationPending(id: string, retry: RetryPlan | undefined): CoreError {
  const why = retry ? `: ${retry.reason.message}` : " by another worker.";
  const next = retry
    ? ` It is tried again in about ${formatDuration(retry.afterMs)}, and on until it is done.`
    : "";
  return new CoreError("REVOCATION_PENDING", `Lease ${quote(id)} is being revoked${why}${next}`, {
    details: { lease_id: id, ...(retry?.reason.details ?? {}) },
  });
}
