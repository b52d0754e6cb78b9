import { type Clock, startTimeout, type Timeout } from "./clock.ts";

/** The limits of one attempt. */
export interface AttemptLimits {
  /** Aborts when the backend is to stop. */
  readonly stop: AbortSignal;
  /** Aborts when a backend that has not stopped is left behind. */
  readonly leave: AbortSignal;
  /** Lets go of the limits, once the attempt has ended. */
  end(): void;
}

interface SharedLimits {
  readonly startedMs: number;
  readonly timeouts: readonly [Timeout, Timeout];
  /** How many attempts have not ended yet. */
  users: number;
}

/**
 * Makes what starts the limits of attempts. Those that start in the same millisecond share theirs: in a storm
 * timers and signals of its own would cost each attempt more than sealing its lease does.
 */
export function createAttemptLimits(options: {
  readonly clock: Clock;
  readonly stopAfterMs: number;
  readonly leaveAfterMs: number;
}): () => AttemptLimits {
  const { clock, stopAfterMs, leaveAfterMs } = options;
  let newest: SharedLimits | undefined;

  const start = (): SharedLimits => ({
    startedMs: clock.nowMs(),
    timeouts: [startTimeout(clock, stopAfterMs), startTimeout(clock, leaveAfterMs)],
    users: 0,
  });

  return () => {
    // One that nobody uses any more is stopped, and would never abort.
    if (newest === undefined || newest.users === 0 || newest.startedMs !== clock.nowMs()) newest = start();
    const shared = newest;
    const [stop, leave] = shared.timeouts;
    shared.users += 1;
    return {
      stop: stop.signal,
      leave: leave.signal,
      end() {
        shared.users -= 1;
        if (shared.users === 0) for (const timeout of shared.timeouts) timeout.stop();
      },
    };
  };
}
