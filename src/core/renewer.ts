import type { RenewContext } from "./backend.ts";
import type { Barrier } from "./barrier.ts";
import { type Clock, startTimeout } from "./clock.ts";
import { formatDuration } from "./duration.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError, quote } from "./errors.ts";
import { invalidField } from "./field.ts";
import type { Lease } from "./lease.ts";
import { type LeaseFinder, noSuchLease } from "./lease-finder.ts";
import type { LeaseStore, RenewOutcome } from "./lease-store.ts";
import { viewLease } from "./lease-view.ts";
import { type Mount, secretTypeOf } from "./mount.ts";
import type { LeaseView } from "./requests.ts";
import { openLease, sealLease } from "./sealed-lease.ts";
import { renewedExpiry } from "./ttl.ts";

/** How often a renewal starts again because others have renewed the same lease meanwhile. */
const triesMax = 5;

/** What the renewer works with. */
export interface RenewerOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly finder: LeaseFinder;
  readonly settings: EngineSettings;
  readonly clock: Clock;
}

/** How a lease is to be renewed. */
export interface Renewal {
  /** How long from now it is to live; undefined means its first TTL again. */
  readonly incrementMs: number | undefined;
  readonly signal: AbortSignal;
}

/** What a renewal came to. */
export interface Renewed {
  readonly lease: LeaseView;
  readonly warnings: readonly string[];
}

/** Moves the expiry of leases. */
export interface Renewer {
  /** Throws `NO_SUCH_LEASE`, `LEASE_ENDED`, `UNSUPPORTED_OPERATION`, `INVALID_FIELD`, and what the backend refuses with. */
  renew(id: string, renewal: Renewal): Promise<Renewed>;
}

interface Renewing {
  readonly mount: Mount;
  readonly lease: Lease;
  readonly warnings: string[];
}

/** What the vendor is told of a lease; see `RenewContext`. */
type Telling = Omit<RenewContext, "ttlMs">;

/**
 * Makes the renewer. Its one concern is that the vendor's own expiry must never stay the earlier one: so it moves first when
 * the lease gets longer, and last when it gets shorter. Where several renew at once, the vendor may have been told last what was stored
 * first: whoever has told it, and did not store just that, looks again and puts it right. It then says that what is stored of the
 * vendor's end may be wrong, since a backend may spare itself a call by it.
 */
export function createRenewer({ leases, barrier, finder, settings, clock }: RenewerOptions): Renewer {
  /** Moves the vendor's expiry; answers the lease sealed anew where that changed its handle. */
  const tellVendor = async (
    mount: Mount,
    lease: Lease,
    telling: Telling,
  ): Promise<Uint8Array | undefined> => {
    const type = secretTypeOf(mount, lease.secretType);
    const handle = await type.renew?.(lease.handle, { ...telling, ttlMs: lease.ttlMs });
    return handle && sealLease(barrier, lease, handle);
  };

  /** Stores a handle that telling the vendor has changed; whoever renews the lease meanwhile stores a newer one. */
  const storeChanged = async (lease: Lease, sealed: Uint8Array | undefined): Promise<void> => {
    const { expiresAtMs } = lease;
    if (sealed) await leases.renew(lease, { expectedExpiresAtMs: expiresAtMs, expiresAtMs, sealed });
  };

  /**
   * Tells the vendor of any later expiry that somebody else has stored since it was told this one. Under the server's own
   * deadline: that the caller is gone is no reason to leave the secret of a renewed lease with too early an end.
   */
  const catchUp = async (mount: Mount, lease: Lease, toldMs: number): Promise<void> => {
    const limit = startTimeout(clock, settings.attemptMs);
    try {
      for (let knownMs = toldMs, tries = 0; tries < triesMax; tries++) {
        const stored = await leases.get(lease);
        if (stored?.state !== "active" || stored.expiresAtMs <= knownMs) return;
        const current = openLease(barrier, stored);
        knownMs = current.expiresAtMs;
        const telling = { expiresAtMs: knownMs, signal: limit.signal };
        await storeChanged(current, await tellVendor(mount, current, telling));
      }
    } finally {
      limit.stop();
    }
  };

  /** Vendor first: what fails after it leaves a vendor's expiry that is too late, and never one that is too early. */
  const lengthen = async (
    { mount, lease }: Renewing,
    expiresAtMs: number,
    signal: AbortSignal,
  ): Promise<RenewOutcome> => {
    let outcome: RenewOutcome;
    try {
      const telling = { expiresAtMs, toldExpiresAtMs: lease.expiresAtMs, signal };
      const sealed = await tellVendor(mount, lease, telling);
      const change = { expectedExpiresAtMs: lease.expiresAtMs, expiresAtMs, ...(sealed && { sealed }) };
      outcome = await leases.renew(lease, change);
    } catch (error) {
      // The caller is told what went wrong first.
      await catchUp(mount, lease, expiresAtMs).catch(() => {});
      throw error;
    }
    if (outcome !== "renewed") await catchUp(mount, lease, expiresAtMs);
    return outcome;
  };

  /** Lease first, for the same reason. What the vendor then fails with is a warning: the lease is shorter, as was asked. */
  const shorten = async (
    { mount, lease, warnings }: Renewing,
    expiresAtMs: number,
    signal: AbortSignal,
  ): Promise<RenewOutcome> => {
    const outcome = await leases.renew(lease, { expectedExpiresAtMs: lease.expiresAtMs, expiresAtMs });
    if (outcome !== "renewed") return outcome;
    try {
      const telling = { expiresAtMs, toldExpiresAtMs: lease.expiresAtMs, signal };
      const sealed = await tellVendor(mount, lease, telling);
      await storeChanged({ ...lease, expiresAtMs }, sealed);
    } catch (error) {
      if (!(error instanceof CoreError)) throw error;
      warnings.push(`The lease is shorter now, but the backend could not be told: ${error.message}`);
    }
    await catchUp(mount, lease, expiresAtMs);
    return outcome;
  };

  const tryRenew = async (id: string, { incrementMs, signal }: Renewal): Promise<Renewed | undefined> => {
    const { mount, lease } = await finder.open(id);
    const nowMs = await leases.nowMs();
    if (lease.state !== "active" || lease.expiresAtMs <= nowMs) throw leaseEnded(lease);
    if (!secretTypeOf(mount, lease.secretType).renew) throw notRenewable(lease);
    const wanted = renewedExpiry({ ...lease, nowMs, incrementMs, firstTtlMs: lease.ttlMs });
    const { expiresAtMs } = wanted;
    const warnings = wanted.isCut ? [cutToMaximum(lease, nowMs)] : [];
    if (expiresAtMs !== lease.expiresAtMs) {
      const move = expiresAtMs > lease.expiresAtMs ? lengthen : shorten;
      const outcome = await move({ mount, lease, warnings }, expiresAtMs, signal);
      if (outcome === "changed") return undefined;
      if (outcome === "unknown") throw noSuchLease(id);
      if (outcome === "ended") throw leaseEnded(lease);
    }
    return { lease: viewLease({ ...lease, expiresAtMs }, nowMs), warnings };
  };

  return {
    async renew(id, renewal) {
      const { incrementMs } = renewal;
      if (incrementMs !== undefined && incrementMs < 1000)
        throw invalidField("increment", "must be at least 1s. Leave it out for the lease's first TTL.");
      for (let tries = 0; tries < triesMax; tries++) {
        const renewed = await tryRenew(id, renewal);
        if (renewed) return renewed;
      }
      throw tooManyAtOnce(id);
    },
  };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

function leaseEnded(lease: Lease): CoreError {
  const why =
    lease.state === "active"
      ? `it expired at ${isoTime(lease.expiresAtMs)}`
      : `it is ${lease.state}, and only an active lease can be renewed`;
  return new CoreError(
    "LEASE_ENDED",
    `Cannot renew lease ${quote(lease.id)}: ${why}. Ask for a new secret.`,
    { details: { lease_id: lease.id, state: lease.state } },
  );
}

function notRenewable(lease: Lease): CoreError {
  return new CoreError(
    "UNSUPPORTED_OPERATION",
    `unsupported operation: lease ${quote(lease.id)} is not renewable. Ask for a new secret.`,
    { details: { lease_id: lease.id } },
  );
}

function cutToMaximum(lease: Lease, nowMs: number): string {
  const leftMs = Math.max(0, lease.maxExpiresAtMs - nowMs);
  return `The lease reaches its max TTL at ${isoTime(lease.maxExpiresAtMs)}: it has ${formatDuration(leftMs)} left, and no renewal goes past that.`;
}

function tooManyAtOnce(id: string): CoreError {
  return new CoreError(
    "STORAGE_UNAVAILABLE",
    `Cannot renew lease ${quote(id)}: others renew it at the same time, again and again. Try again.`,
    { details: { lease_id: id } },
  );
}
