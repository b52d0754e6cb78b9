import type { RetryPlan } from "./backoff.ts";
import type { Barrier } from "./barrier.ts";
import type { Clock } from "./clock.ts";
import { formatDuration } from "./duration.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError, hasCode, quote } from "./errors.ts";
import { invalidField } from "./field.ts";
import { type Lease, leasePath } from "./lease.ts";
import type { LeaseStore, StoredLease } from "./lease-store.ts";
import { viewLease, viewStoredLease } from "./lease-view.ts";
import { type Mount, secretTypeOf } from "./mount.ts";
import type { MountTable } from "./mount-table.ts";
import type { LeaseView } from "./requests.ts";
import type { Revoker } from "./revoker.ts";
import { openLease, sealLease } from "./sealed-lease.ts";
import { renewedExpiry } from "./ttl.ts";
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

/** What a caller can have done to one lease. Every method throws `NO_SUCH_LEASE` for an id that is not known. */
export interface LeaseDesk {
  lookup(id: string): Promise<LeaseView>;
  renew(
    id: string,
    options: { readonly incrementMs: number | undefined; readonly signal: AbortSignal },
  ): Promise<{ readonly lease: LeaseView; readonly warnings: readonly string[] }>;
  /** Resolves once the lease is gone. Throws `REVOCATION_PENDING` where that takes longer; it goes on all the same. */
  revoke(id: string, options: { readonly signal: AbortSignal; readonly deadlineMs: number }): Promise<void>;
}

/** Makes the lease desk. */
export function createLeaseDesk(options: LeaseDeskOptions): LeaseDesk {
  const { leases, barrier, mounts, revoker, settings, clock } = options;

  const mountOf = async (id: string): Promise<Mount> => {
    const path = leasePath(id);
    try {
      if (path !== "") return (await mounts.find(path)).mount;
    } catch (error) {
      if (!hasCode(error, "NO_MOUNT")) throw error;
    }
    throw noSuchLease(id);
  };

  const load = async (id: string): Promise<{ readonly mount: Mount; readonly stored: StoredLease }> => {
    const mount = await mountOf(id);
    const stored = await leases.get({ accessor: mount.record.accessor, id });
    if (!stored) throw noSuchLease(id);
    return { mount, stored };
  };

  const waitUntilGone = async (
    lease: { accessor: string; id: string },
    untilMs: number,
    signal: AbortSignal,
  ): Promise<boolean> => {
    while (clock.nowMs() < untilMs && !signal.aborted) {
      await clock.sleep(pollMs, signal);
      if (!(await leases.get(lease))) return true;
    }
    return false;
  };

  return {
    async lookup(id) {
      const { stored } = await load(id);
      return viewStoredLease(barrier, stored, await leases.nowMs());
    },

    async renew(id, { incrementMs, signal }) {
      if (incrementMs !== undefined && incrementMs < 1000)
        throw invalidField("increment", "must be at least 1s. Leave it out for the lease's first TTL.");
      const { mount, stored } = await load(id);
      const lease = openLease(barrier, stored);
      const nowMs = await leases.nowMs();
      if (lease.state !== "active" || lease.expiresAtMs <= nowMs) throw leaseEnded(lease);
      const type = secretTypeOf(mount, lease.secretType);
      if (!type.renew) throw notRenewable(lease);
      const { maxExpiresAtMs, ttlMs: firstTtlMs } = lease;
      const wanted = renewedExpiry({
        nowMs,
        incrementMs,
        expiresAtMs: lease.expiresAtMs,
        maxExpiresAtMs,
        firstTtlMs,
      });
      const { expiresAtMs } = wanted;
      const warnings = wanted.isCut ? [cutToMaximum(lease, nowMs)] : [];
      if (expiresAtMs === lease.expiresAtMs) return { lease: viewLease(lease, nowMs), warnings };

      // Whatever fails between the two, the vendor's own expiry must never be the earlier one:
      // so it moves first when the lease gets longer, and last when it gets shorter.
      const moveSecret = () => type.renew?.(lease.handle, { expiresAtMs, signal });
      const isLonger = expiresAtMs > lease.expiresAtMs;
      const handle = isLonger ? await moveSecret() : undefined;
      const sealed = handle && sealLease(barrier, lease, handle);
      const outcome = await leases.renew(lease, { expiresAtMs, ...(sealed ? { sealed } : {}) });
      if (outcome === "unknown") throw noSuchLease(id);
      if (outcome === "ended") throw leaseEnded(lease);
      if (!isLonger) {
        try {
          const changed = await moveSecret();
          if (changed) await leases.renew(lease, { expiresAtMs, sealed: sealLease(barrier, lease, changed) });
        } catch (error) {
          if (!(error instanceof CoreError)) throw error;
          warnings.push(`The lease is shorter now, but the backend could not be told: ${error.message}`);
        }
      }
      return { lease: viewLease({ ...lease, expiresAtMs }, nowMs), warnings };
    },

    async revoke(id, { signal, deadlineMs }) {
      const mount = await mountOf(id);
      const ref = { accessor: mount.record.accessor, id };
      const [attempt] = revoker.revoke(mount, [{ kind: "requested", id }]);
      const outcome = await untilAborted(Promise.resolve(attempt), signal);
      if (outcome === undefined || outcome.kind === "revoked") return;
      if (outcome.kind === "unknown") {
        if (await leases.hasEnded(ref)) return;
        throw noSuchLease(id);
      }
      const retry = outcome.kind === "failed" ? outcome.retry : undefined;
      // Refused or unreachable: an answer now is worth more than a wait. Otherwise it is a matter of seconds.
      const isSoon = retry === undefined || retry.isSoon;
      const untilMs = Math.min(clock.nowMs() + settings.revokeWaitMs, deadlineMs - 500);
      if (isSoon && (await waitUntilGone(ref, untilMs, signal))) return;
      throw revocationPending(id, retry);
    },
  };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

function noSuchLease(id: string): CoreError {
  return new CoreError("NO_SUCH_LEASE", `No lease has the id ${quote(id)}. List them with "lease list".`, {
    details: { lease_id: id.slice(0, 1200) },
  });
}

function leaseEnded(lease: Lease): CoreError {
  const why =
    lease.state === "active"
      ? `it expired at ${isoTime(lease.expiresAtMs)}`
      : `it is ${lease.state}, and only an active lease can be renewed`;
  return new CoreError(
    "LEASE_ENDED",
    `Cannot renew lease ${quote(lease.id)}: ${why}. Ask for a new secret.`,
    {
      details: { lease_id: lease.id, state: lease.state },
    },
  );
}

function notRenewable(lease: Lease): CoreError {
  return new CoreError(
    "UNSUPPORTED_OPERATION",
    `unsupported operation: lease ${quote(lease.id)} is not renewable. Ask for a new secret.`,
    {
      details: { lease_id: lease.id },
    },
  );
}

function cutToMaximum(lease: Lease, nowMs: number): string {
  const leftMs = Math.max(0, lease.maxExpiresAtMs - nowMs);
  return `The lease reaches its max TTL at ${isoTime(lease.maxExpiresAtMs)}: it has ${formatDuration(leftMs)} left, and no renewal goes past that.`;
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
