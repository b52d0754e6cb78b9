import type { Clock } from "../../core/clock.ts";
import { CoreError } from "../../core/errors.ts";
import { type AwsFailureKind, isAwsFailure } from "./aws-failure.ts";

const delayMsFirst = 100;
const delayMsMax = 2000;

/**
 * How often a call on a new user is sent again because AWS does not see the
 * user yet. With the pauses between, this is about half a minute; it takes some seconds as a rule.
 */
export const visibilityRetriesMax = 20;

/** How to go on after a failed call. */
export interface ResendOptions {
  readonly clock: Clock;
  /** Once this aborts nothing is sent any more. */
  readonly signal: AbortSignal;
  /** How often the call is sent again after each kind of failure; never after those left out. */
  readonly retriesMax: Readonly<Partial<Record<AwsFailureKind, number>>>;
}

/**
 * Sends a call, and again after the failures that allow it, with growing and
 * jittered pauses. Rejects with the last failure, or with the reason of the signal.
 */
export async function resend<T>(call: () => Promise<T>, options: ResendOptions): Promise<T> {
  const { clock, signal, retriesMax } = options;
  const left: Partial<Record<AwsFailureKind, number>> = { ...retriesMax };
  for (let failures = 0; ; failures++) {
    throwIfStopped(signal);
    try {
      return await call();
    } catch (error) {
      // Why it was not sent says more than that the time is over.
      if (isAwsFailure(error, "unsent")) throw error;
      throwIfStopped(signal);
      if (!isAwsFailure(error)) throw error;
      const tries = left[error.kind] ?? 0;
      if (tries <= 0) throw error;
      left[error.kind] = tries - 1;
    }
    await clock.sleep(pauseMs(failures), signal);
  }
}

/** The pause after the given number of failures. The jitter keeps callers who were throttled together from coming back together. */
export function pauseMs(failures: number): number {
  return Math.min(delayMsMax, delayMsFirst * 2 ** failures) * (0.5 + Math.random() / 2);
}

/** Throws once a signal has aborted. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw stopReason(signal);
}

/** Why a signal aborted: its own reason where a caller can be told that. */
export function stopReason(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  if (reason instanceof CoreError || isAwsFailure(reason)) return reason;
  return new CoreError(
    "BACKEND_UNAVAILABLE",
    "The calls to AWS took too long, and were stopped. Try again.",
    {
      cause: reason,
    },
  );
}
