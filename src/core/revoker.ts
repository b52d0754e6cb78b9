import { randomBytes } from "node:crypto";
import { RetryLater } from "./backend.ts";
import { planRetry, type RetryPlan } from "./backoff.ts";
import type { Barrier } from "./barrier.ts";
import { type Clock, startTimeout } from "./clock.ts";
import { formatDuration } from "./duration.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { Lease, LeaseRef } from "./lease.ts";
import type { Claim, ClaimOutcome, LeaseStore, StoredLease } from "./lease-store.ts";
import { type Mount, secretTypeOf } from "./mount.ts";
import { openLease, sealLease } from "./sealed-lease.ts";
import type { Telemetry } from "./telemetry.ts";
import { untilAborted } from "./until-aborted.ts";

/**
 * How an attempt to revoke a lease ended. `failed` is tried again at the planned time; `busy` means that another
 * worker has the lease, or has moved it on; `unknown` that there is no such lease (any more).
 */
export type RevokeOutcome =
  | { readonly kind: "revoked" | "busy" | "unknown" }
  | { readonly kind: "failed"; readonly retry: RetryPlan };

/** What the revoker works with. */
export interface RevokerOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly settings: EngineSettings;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** Takes leases into `revoking` and makes one attempt each to end them: the only code that unmakes a secret. */
export interface Revoker {
  /**
   * Claims leases of a mount and makes an attempt at each that it got. It runs under the server's own
   * deadline: no caller can cancel it. Answers in the order asked.
   */
  revoke(mount: Mount, claims: readonly Claim[]): readonly Promise<RevokeOutcome>[];
  /** Drops a lease whose secret certainly does not exist, by the issuer's fence. */
  drop(lease: Lease, fence: string): Promise<void>;
  /** Makes an attempt to unmake a secret that appeared after its lease had ended: no record names it any more. */
  unmakeForgotten(mount: Mount, lease: Lease): Promise<void>;
  /** Resolves when no attempt is under way. */
  idle(): Promise<void>;
}

/** Stores what the handle of a lease is now. */
type Checkpoint = (handle: JsonObject) => Promise<void>;

/** A token that names one claim, never used twice. */
export const newFence = (): string => randomBytes(9).toString("base64url");

/** Thrown where somebody else works on a lease by now: their attempt counts, not ours. */
class ClaimLostError extends Error {
  constructor() {
    super("Another worker holds the claim.");
    this.name = "ClaimLostError";
  }
}

/** Makes the revoker. */
export function createRevoker(options: RevokerOptions): Revoker {
  const { leases, barrier, settings, telemetry, clock } = options;
  const underWay = new Set<Promise<unknown>>();

  const checkpoint = async (lease: Lease, fence: string, handle: JsonObject): Promise<void> => {
    const sealed = sealLease(barrier, lease, handle);
    const outcome = await leases.disarmed(lease, { fence, sealed, next: { keepClaim: true } });
    if (outcome === "stale") throw new ClaimLostError();
  };

  /** Disarms and destroys side by side: what needs the key to be dead first waits for it inside `destroy`. */
  const unmake = async (
    mount: Mount,
    lease: Lease,
    signal: AbortSignal,
    store: Checkpoint,
  ): Promise<void> => {
    const type = secretTypeOf(mount, lease.secretType);
    const nowMs = await leases.nowMs();
    let latest = lease.handle;
    let isRecorded = lease.disarmedAtMs !== undefined;
    const disarmed = isRecorded || !type.disarm ? Promise.resolve() : type.disarm(lease.handle, { signal });
    // Heard here as well, for a `destroy` that fails before it listens.
    disarmed.catch(() => {});
    const destroyed = type.destroy(lease.handle, {
      disarmed,
      signal,
      nowMs,
      createsEndedAtMs: lease.issuedAtMs + settings.issueDeadlineMs,
      checkpoint: async (handle) => {
        // The record will say "disarmed", and no later attempt disarms again: so not before that is true.
        await disarmed;
        await store(handle);
        latest = handle;
        isRecorded = true;
      },
    });
    const [disarming, destroying] = await Promise.allSettled([disarmed, destroyed]);
    if (destroying.status === "fulfilled") return;
    if (type.disarm && disarming.status === "fulfilled" && !isRecorded) await store(latest);
    throw destroying.reason;
  };

  /**
   * Unmakes within the limits of an attempt: first the backend is told to stop, and one that does not is left
   * behind while the claim still holds, so that nobody waits for it and nobody else has the lease yet.
   */
  const unmakeInTime = async (mount: Mount, lease: Lease, store: Checkpoint): Promise<void> => {
    const { attemptMs, visibilityMs } = settings;
    const limit = startTimeout(clock, attemptMs);
    const lastLimit = startTimeout(clock, (attemptMs + visibilityMs) / 2);
    try {
      await untilAborted(unmake(mount, lease, limit.signal, store), lastLimit.signal);
    } catch (error) {
      const isKnown = [CoreError, RetryLater, ClaimLostError].some((known) => error instanceof known);
      if (isKnown || !limit.signal.aborted) throw error;
      const message = `The backend did not answer within ${formatDuration(attemptMs)}.`;
      throw new CoreError("BACKEND_UNAVAILABLE", message, { cause: error });
    } finally {
      limit.stop();
      lastLimit.stop();
    }
  };

  const recordFailure = async (
    ref: LeaseRef,
    stored: StoredLease,
    fence: string,
    error: unknown,
  ): Promise<RetryPlan> => {
    const retry = planRetry(error, stored.attempts, Math.random());
    if (retry.reason.code === "INTERNAL") telemetry.backgroundFailed(`revoking ${ref.id}`, error);
    const retryAtMs = (await leases.nowMs()) + retry.afterMs;
    const { usesAttempt, isIrrevocable } = retry;
    const failure = { fence, error: retry.error, retryAtMs, usesAttempt, isIrrevocable };
    const outcome = await leases.fail(ref, failure);
    // Stale: it has ended after all, with the reply lost, or is another worker's by now.
    if (outcome === "done") telemetry.revocationFailed({ id: ref.id, isIrrevocable, error: retry.error });
    return retry;
  };

  /** How long after its expiry a lease has ended; undefined where it ended before, such as one that was never active. */
  const latenessOf = async ({ expiresAtMs }: StoredLease): Promise<number | undefined> => {
    const latenessMs = (await leases.nowMs()) - expiresAtMs;
    return latenessMs >= 0 ? latenessMs : undefined;
  };

  const attempt = async (
    mount: Mount,
    stored: StoredLease,
    fence: string,
    wasDue: boolean,
  ): Promise<RevokeOutcome> => {
    const ref: LeaseRef = { accessor: stored.accessor, id: stored.id };
    try {
      const lease = openLease(barrier, stored);
      await unmakeInTime(mount, lease, (handle) => checkpoint(lease, fence, handle));
      const { role, caller } = lease;
      const outcome = await leases.finish(ref, { fence, role, caller });
      if (outcome === "stale") return { kind: "busy" };
      telemetry.revoked(mount.type.type, wasDue ? await latenessOf(stored) : undefined);
      return { kind: "revoked" };
    } catch (error) {
      if (error instanceof ClaimLostError) return { kind: "busy" };
      return { kind: "failed", retry: await recordFailure(ref, stored, fence, error) };
    }
  };

  const track = <T>(promise: Promise<T>): Promise<T> => {
    const settled: Promise<void> = promise.then(
      () => void underWay.delete(settled),
      () => void underWay.delete(settled),
    );
    underWay.add(settled);
    return promise;
  };

  const outcomeOf = async (
    mount: Mount,
    outcome: ClaimOutcome | undefined,
    fence: string,
    wasDue: boolean,
  ): Promise<RevokeOutcome> => {
    if (outcome?.kind === "claimed") return attempt(mount, outcome.lease, fence, wasDue);
    return { kind: outcome?.kind === "unknown" ? "unknown" : "busy" };
  };

  return {
    revoke(mount, claims) {
      const fence = newFence();
      const claimed = leases.claim(mount.record.accessor, claims, {
        fence,
        visibilityMs: settings.visibilityMs,
      });
      return claims.map(({ kind }, at) =>
        track(claimed.then((outcomes) => outcomeOf(mount, outcomes[at], fence, kind === "due"))),
      );
    },
    async drop(lease, fence) {
      await track(leases.finish(lease, { fence, role: lease.role, caller: lease.caller }));
    },
    async unmakeForgotten(mount, lease) {
      await unmakeInTime(mount, lease, async () => {});
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
