import type { Clock } from "../../src/core/clock.ts";

interface Sleeper {
  readonly wakesAtMs: number;
  readonly wake: () => void;
}

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves time on, waking each sleeper at its own time and letting what it does run before the next. */
  advance(ms: number): Promise<void>;
  /** Moves time from one sleeper to the next until the promise settles; fails when `limitMs` pass before. */
  advanceUntil<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
}

/** Lets everything run that waits for no clock. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes a manual clock. */
export function createManualClock(startMs = Date.parse("2026-01-01T00:00:00Z")): ManualClock {
  let nowMs = startMs;
  const sleepers = new Set<Sleeper>();

  const next = (): Sleeper | undefined => {
    let first: Sleeper | undefined;
    for (const sleeper of sleepers) if (!first || sleeper.wakesAtMs < first.wakesAtMs) first = sleeper;
    return first;
  };
  const step = async (sleeper: Sleeper): Promise<void> => {
    nowMs = Math.max(nowMs, sleeper.wakesAtMs);
    sleeper.wake();
    await settle();
  };

  return {
    nowMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const wake = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const sleeper: Sleeper = { wakesAtMs: nowMs + Math.max(0, ms), wake };
        sleepers.add(sleeper);
        signal?.addEventListener("abort", wake, { once: true });
      }),
    async advance(ms) {
      const untilMs = nowMs + ms;
      await settle();
      for (let sleeper = next(); sleeper && sleeper.wakesAtMs <= untilMs; sleeper = next())
        await step(sleeper);
      nowMs = untilMs;
      await settle();
    },
    async advanceUntil(promise, limitMs = 120_000) {
      const untilMs = nowMs + limitMs;
      let isSettled = false;
      const settled = promise.finally(() => {
        isSettled = true;
      });
      settled.catch(() => {});
      await settle();
      while (!isSettled) {
        const sleeper = next();
        if (!sleeper || sleeper.wakesAtMs > untilMs) {
          throw new Error(`What the test waits for did not happen within ${limitMs} ms of the manual clock.`);
        }
        await step(sleeper);
      }
      return settled;
    },
  };
}
