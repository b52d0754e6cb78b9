import { setImmediate as nextTurn } from "node:timers/promises";
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
      // A limit on a call is let go of when the call ends, and the fake IAM takes two turns for one.
      for (let turns = 0; turns < 4 && !signal?.aborted; turns++) await nextTurn();
      if (!signal?.aborted) nowMs += ms;
    },
  };
}
