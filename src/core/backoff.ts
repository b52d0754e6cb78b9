import { RetryLater, Throttled } from "./backend.ts";
import { CoreError, hasCode } from "./errors.ts";

const firstMs = 1000;
/** AWS back from an outage should not find us asleep: it is asked again at least this often. */
const unavailableMsMax = 15_000;
const refusedMsMax = 300_000;
const hourMs = 3_600_000;
/** After so many refusals a person has to look: about 25 minutes of them. */
const refusalsMax = 12;
const errorLengthMax = 200;

/** What comes after a failed attempt to revoke. */
export interface RetryPlan {
  /** What is recorded with the lease: no secret material, at most 200 characters. */
  readonly error: string;
  /** How long to wait, in milliseconds. */
  readonly afterMs: number;
  readonly usesAttempt: boolean;
  /** Whether a person has to look: from the last of many refusals on, whatever fails after it. */
  readonly isIrrevocable: boolean;
  /** Whether that was so before this failure: it is told once. */
  readonly wasIrrevocable: boolean;
  /** Whether the vendor limits the rate of calls right now. */
  readonly isThrottled: boolean;
  /** True where the next attempt follows in seconds and nothing is wrong, so that a caller may wait for it. */
  readonly isSoon: boolean;
  /** What a caller who waits is told as the cause. */
  readonly reason: CoreError;
}

/**
 * Decides when a failed revocation is tried again: never "not at all". The
 * wait doubles with each attempt, and is spread by up to a half. Where the
 * vendor or the storage asks for time no attempt is used; a vendor that cannot be reached is asked
 * for ever; one that refuses is asked hourly after many refusals, and the lease is marked for a person to see,
 * until it has ended: an outage in between does not take the mark off.
 * `random` is in [0, 1).
 */
export function planRetry(error: unknown, failedAttempts: number, random: number): RetryPlan {
  const spread = (ms: number) => Math.round(ms * (0.75 + random / 2));
  const wasIrrevocable = failedAttempts >= refusalsMax;
  const isThrottled = error instanceof Throttled;
  if (error instanceof RetryLater) {
    return {
      ...described(error.reason),
      afterMs: spread(error.afterMs),
      usesAttempt: false,
      isIrrevocable: wasIrrevocable,
      wasIrrevocable,
      isThrottled,
      isSoon: true,
    };
  }
  const reason =
    error instanceof CoreError
      ? error
      : new CoreError("INTERNAL", "The attempt to revoke failed by a bug; see the log.");
  const doubled = firstMs * 2 ** Math.min(failedAttempts, 20);
  if (hasCode(reason, "BACKEND_UNAVAILABLE", "STORAGE_UNAVAILABLE")) {
    // Counted only while it makes the wait longer: an outage must not use up the attempts, or the first refusal
    // after it would be taken for the last.
    const usesAttempt = reason.code === "BACKEND_UNAVAILABLE" && doubled < unavailableMsMax;
    return {
      ...described(reason),
      afterMs: spread(Math.min(doubled, unavailableMsMax)),
      usesAttempt,
      isIrrevocable: wasIrrevocable,
      wasIrrevocable,
      isThrottled,
      isSoon: reason.code === "STORAGE_UNAVAILABLE",
    };
  }
  const isIrrevocable = failedAttempts + 1 >= refusalsMax;
  const afterMs = spread(isIrrevocable ? hourMs : Math.min(doubled, refusedMsMax));
  return {
    ...described(reason),
    afterMs,
    usesAttempt: true,
    isIrrevocable,
    wasIrrevocable,
    isThrottled,
    isSoon: false,
  };
}

/**
 * The plan for an attempt that was asked for before the wait after an earlier one was over: `leftMs` of it are left. It
 * uses no attempt and leaves the next one where it was planned, so that whoever asks again and again makes no lease
 * irrevocable sooner than the refusals alone do. Where nothing would have been used, the plan stays as it is.
 */
export function heldBack(plan: RetryPlan, leftMs: number): RetryPlan {
  if (!plan.usesAttempt || leftMs <= 0) return plan;
  return { ...plan, afterMs: leftMs, usesAttempt: false, isIrrevocable: plan.wasIrrevocable };
}

function described(reason: CoreError): { readonly reason: CoreError; readonly error: string } {
  return { reason, error: reason.message.slice(0, errorLengthMax) };
}
