import { randomBytes } from "node:crypto";
import { heldBack, planRetry, type RetryPlan } from "./backoff.ts";
import type { Barrier } from "./barrier.ts";
import { createClaimer } from "./claimer.ts";
import type { Clock } from "./clock.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { hasCode } from "./errors.ts";
import type { Lease, LeaseRef } from "./lease.ts";
import type { Claim, ClaimOutcome, LeaseStore, StoredLease } from "./lease-store.ts";
import type { Mount } from "./mount.ts";
import { openLease, sealLease } from "./sealed-lease.ts";
import type { Telemetry } from "./telemetry.ts";
import { ClaimLostError, createUnmaker, type Unmaking } from "./unmaker.ts";

/**
 * How an attempt to revoke a lease ended. `disarmed`: its secret is useless, and the rest is due later. `failed` is
 * tried again at the planned time; `busy` means that another worker has the lease, or has moved it on; `unknown` that
 * there is no such lease (any more).
 */
export type RevokeOutcome =
  /** With what the backend has to say to whoever asked for it; absent where it is nothing. */
  | { readonly kind: "revoked"; readonly warnings?: readonly string[] }
  | { readonly kind: "disarmed" | "busy" | "unknown" }
  | {
      readonly kind: "failed";
      readonly retry: RetryPlan;
      readonly retryAtMs: number;
      /** Whether the secret is useless nevertheless. */
      readonly isDisarmed: boolean;
    };

/** What the revoker works with. */
export interface RevokerOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly settings: EngineSettings;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** How to go about an attempt where more is due than can be done at once. */
export interface Haste {
  /** The rest of a revocation, after its secret is useless, is left for later: not before this time, by the store's clock. */
  readonly tidyFromMs: number;
}

/** Takes leases into `revoking` and makes one attempt each to end them: the only code that unmakes a secret. */
export interface Revoker {
  /**
   * Claims leases of a mount and makes an attempt at each that it got. It runs under the server's own
   * deadline: no caller can cancel it. Answers in the order asked. In haste it only disarms what is not disarmed yet.
   */
  revoke(mount: Mount, claims: readonly Claim[], haste?: Haste): readonly Promise<RevokeOutcome>[];
  /**
   * Does the same with a lease whose secret was being made by the issuer with this fence, who makes no more: it need not be waited
   * for. A lease that another issuer has reopened since is left to that one: `busy`.
   */
  giveUp(mount: Mount, lease: LeaseRef, issuerFence: string): Promise<RevokeOutcome>;
  /** Drops a lease whose secret certainly does not exist, by the issuer's fence. */
  drop(lease: Lease, fence: string): Promise<void>;
  /** Makes an attempt to unmake a secret that appeared after its lease had ended: no record names it any more. */
  unmakeForgotten(mount: Mount, lease: Lease): Promise<void>;
  /** Resolves when no attempt is under way. */
  idle(): Promise<void>;
}

/** A token that names one claim, never used twice. */
export const newFence = (): string => randomBytes(9).toString("base64url");

/** A lease that this server has claimed. */
interface Held {
  readonly mount: Mount;
  readonly stored: StoredLease;
  readonly fence: string;
  readonly wasDue: boolean;
  readonly isCreationOver: boolean;
}

/** Makes the revoker. */
export function createRevoker(options: RevokerOptions): Revoker {
  const { leases, barrier, settings, telemetry, clock } = options;
  const unmaker = createUnmaker(options);
  const underWay = new Set<Promise<unknown>>();

  /** Ends the claim on a lease whose secret is useless, and leaves the rest for later. */
  const leaveTheRest = async ({ stored, fence }: Held, retryAtMs: number): Promise<RevokeOutcome> => {
    const { sealed } = stored;
    const outcome = await leases.disarmed(stored, { fence, sealed, next: { retryAtMs } });
    return { kind: outcome === "done" ? "disarmed" : "busy" };
  };

  /** How long after its expiry a lease has ended; undefined where it ended before, such as one that was never active. */
  const latenessOf = async ({ expiresAtMs }: StoredLease): Promise<number | undefined> => {
    // The lease has ended: a number for the metrics is no reason to call that a failure.
    const nowMs = await leases.nowMs().catch(() => Number.NEGATIVE_INFINITY);
    return nowMs >= expiresAtMs ? nowMs - expiresAtMs : undefined;
  };

  const finish = async (
    { mount, stored, fence, wasDue }: Held,
    lease: Lease,
    warnings: readonly string[],
  ): Promise<RevokeOutcome> => {
    const { role, caller } = lease;
    const outcome = await leases.finish(stored, { fence, role, caller });
    if (outcome === "stale") return { kind: "busy" };
    telemetry.revoked(mount.type.type, wasDue ? await latenessOf(stored) : undefined);
    return { kind: "revoked", ...(warnings.length > 0 && { warnings }) };
  };

  const fail = async (
    { stored, fence }: Held,
    error: unknown,
    isDisarmed: boolean,
  ): Promise<RevokeOutcome> => {
    const { id } = stored;
    const plan = planRetry(error, stored.attempts, Math.random());
    if (hasCode(plan.reason, "INTERNAL", "DATA_CORRUPTED"))
      telemetry.backgroundFailed(`revoking ${id}`, error);
    const nowMs = await leases.nowMs();
    const retry = heldBack(plan, (stored.backoffEndsAtMs ?? 0) - nowMs);
    const retryAtMs = nowMs + retry.afterMs;
    const { usesAttempt, isIrrevocable, wasIrrevocable } = retry;
    const failure = { fence, error: retry.error, retryAtMs, usesAttempt, isIrrevocable };
    const outcome = await leases.fail(stored, failure);
    // Stale: it has ended after all, with the reply lost, or is another worker's by now.
    if (outcome === "done")
      telemetry.revocationFailed({ id, isIrrevocable, wasIrrevocable, error: retry.error });
    return { kind: "failed", retry, retryAtMs, isDisarmed };
  };

  const attempt = async (held: Held, haste: Haste | undefined): Promise<RevokeOutcome> => {
    const { mount, stored, fence, isCreationOver } = held;
    let isDisarmed = stored.disarmedAtMs !== undefined;
    try {
      const lease = openLease(barrier, stored);
      const store: Unmaking["store"] = async (handle) => {
        const sealed = sealLease(barrier, lease, handle);
        const outcome = await leases.disarmed(lease, { fence, sealed, next: { keepClaim: true } });
        if (outcome === "stale") throw new ClaimLostError();
        isDisarmed = true;
      };
      const warnings: string[] = [];
      const warn = (warning: string) => void warnings.push(warning);
      const unmaking = { mount, lease, store, isCreationOver, warn };
      if (haste) {
        const { tidyFromMs } = haste;
        if (isDisarmed && (await leases.nowMs()) < tidyFromMs) return await leaveTheRest(held, tidyFromMs);
        if ((await unmaker.disarm(unmaking)) === "disarmed")
          return await leaveTheRest(held, Math.max(tidyFromMs, await leases.nowMs()));
      } else {
        await unmaker.unmake(unmaking);
      }
      return await finish(held, lease, warnings);
    } catch (error) {
      if (error instanceof ClaimLostError) return { kind: "busy" };
      return await fail(held, error, isDisarmed);
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

  const claim = createClaimer({ leases, clock, visibilityMs: settings.visibilityMs });

  const revoke = (
    mount: Mount,
    claims: readonly Claim[],
    how: { readonly haste: Haste | undefined; readonly isCreationOver: boolean },
  ): readonly Promise<RevokeOutcome>[] => {
    const fence = newFence();
    const { haste, isCreationOver } = how;
    const { answered, held } = claim(mount.record.accessor, claims, fence);
    const attemptAt = async (at: number, wasDue: boolean): Promise<RevokeOutcome> => {
      const outcome: ClaimOutcome | undefined = (await held)[at];
      if (outcome?.kind === "claimed")
        return attempt({ mount, stored: outcome.lease, fence, wasDue, isCreationOver }, haste);
      return { kind: outcome?.kind === "unknown" ? "unknown" : "busy" };
    };
    return claims.map(({ kind }, at) => {
      const work = track(attemptAt(at, kind === "due"));
      if (kind === "due") return work;
      // A caller who asked is told at once that the storage is away; the claim is still sought.
      work.catch(() => {});
      return answered.then(() => work);
    });
  };

  return {
    revoke: (mount, claims, haste) => revoke(mount, claims, { haste, isCreationOver: false }),
    async giveUp(mount, { id }, issuerFence) {
      const how = { haste: undefined, isCreationOver: true };
      const [outcome] = await Promise.all(revoke(mount, [{ kind: "abandoned", id, issuerFence }], how));
      return outcome ?? { kind: "unknown" };
    },
    async drop(lease, fence) {
      await track(leases.finish(lease, { fence, role: lease.role, caller: lease.caller }));
    },
    async unmakeForgotten(mount, lease) {
      await unmaker.unmake({ mount, lease, store: async () => {}, isCreationOver: true });
    },
    async idle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
  };
}
