import { type Clock, startTimeout } from "./clock.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { CoreError } from "./errors.ts";
import type { LeaseIdentity } from "./lease.ts";
import type { LeaseStore } from "./lease-store.ts";

/** The latest time at which a creating call for a lease can have been sent, by the store's clock. */
export function creationEndsAtMs(
  { issuedAtMs, reissuedAtMs = issuedAtMs }: Pick<LeaseIdentity, "issuedAtMs" | "reissuedAtMs">,
  { issueDeadlineMs }: Pick<EngineSettings, "issueDeadlineMs">,
): number {
  return reissuedAtMs + issueDeadlineMs;
}

/** The limit on the creating calls for one lease. */
export interface CreationLimit {
  /** Once this aborts, no further creating call is sent: the time is over, or the caller is gone. */
  readonly signal: AbortSignal;
  /** When `signal` aborts at the latest, by this process's clock. */
  readonly endsAtMs: number;
  /** What the caller is told of a failure. */
  explain(error: unknown): unknown;
  /** Lets go of the limit. */
  stop(): void;
}

/**
 * Starts the limit on the creating calls for a lease. It counts from the moment the lease was stored as `issuing`, since `destroy`
 * goes by the same. Rejects where the time is over already, or the caller gone: then nothing was sent.
 */
export async function startCreationLimit(
  { leases, clock, settings }: { leases: LeaseStore; clock: Clock; settings: EngineSettings },
  delivery: {
    readonly lease: LeaseIdentity;
    readonly caller: AbortSignal;
    readonly deadlineMs?: number | undefined;
  },
): Promise<CreationLimit> {
  const { lease, caller, deadlineMs = Number.POSITIVE_INFINITY } = delivery;
  const leftMs = creationEndsAtMs(lease, settings) - (await leases.nowMs());
  if (leftMs <= 0) throw notInTime(undefined);
  caller.throwIfAborted();
  const timeout = startTimeout(clock, leftMs);
  const signal = AbortSignal.any([caller, timeout.signal]);
  return {
    signal,
    endsAtMs: Math.min(clock.nowMs() + leftMs, deadlineMs),
    explain(error) {
      if (caller.aborted) return caller.reason;
      return signal.aborted && !(error instanceof CoreError) ? notInTime(error) : error;
    },
    stop: () => timeout.stop(),
  };
}

function notInTime(cause: unknown): CoreError {
  return new CoreError(
    "BACKEND_UNAVAILABLE",
    "The backend did not make the secret in time. Nothing was kept; try again.",
    { cause },
  );
}
