import type { Clock } from "../../../src/core/clock.ts";

/** A clock that does not wait: a sleep moves its time, and is over. */
export interface InstantClock extends Clock {
  advance(ms: number): void;
}

/** Makes a clock that stands at a fixed time until it is moved. */
export function createInstantClock(startMs = Date.parse("2026-11-24T10:00:00Z")): InstantClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
    async sleep(ms, signal) {
      if (!signal?.aborted) nowMs += ms;
    },
  };
}
