/** A source of time and of waiting; production uses the process's own, tests one that they move by hand. */
export interface Clock {
  /** Milliseconds since 1970 by this process's clock. */
  nowMs(): number;
  /** Resolves after `ms` milliseconds, or at once when the signal aborts; it never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A limit on how long something may take. */
export interface Timeout {
  /** Aborts when the time is over; its reason is a `DOMException` named `TimeoutError`, as of `AbortSignal.timeout`. */
  readonly signal: AbortSignal;
  /** Lets go of the limit, once what it was for has ended. */
  stop(): void;
}

/** An abort without a reason would make an exception with its stack, each time and for nobody. */
const letGo = "The limit is not needed any more.";

/** Starts a limit of `ms` milliseconds by a clock. */
export function startTimeout(clock: Clock, ms: number): Timeout {
  const limit = new AbortController();
  const stopped = new AbortController();
  void clock.sleep(ms, stopped.signal).then(() => {
    if (!stopped.signal.aborted) limit.abort(new DOMException(`${ms} ms are over.`, "TimeoutError"));
  });
  return { signal: limit.signal, stop: () => stopped.abort(letGo) };
}

/** The clock of the process. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    }),
};
