import { describe, expect, test } from "vitest";
import { startTimeout, systemClock } from "../../src/core/clock.ts";
import { createManualClock, settle } from "../kit/manual-clock.ts";

describe("systemClock", () => {
  test("tells the time of the process", () => {
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
  });

  test("sleeps at least as long as it is asked to", async () => {
    const startedMs = performance.now();
    await systemClock.sleep(5);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(4);
  });

  test("wakes at once where the signal aborts, before or meanwhile", async () => {
    await systemClock.sleep(60_000, AbortSignal.abort());
    const waker = new AbortController();
    const sleeping = systemClock.sleep(60_000, waker.signal);
    waker.abort();
    await sleeping;
  });
});

describe("startTimeout()", () => {
  test("aborts when the time is over, and not before", async () => {
    const clock = createManualClock();
    const { signal } = startTimeout(clock, 1000);
    await clock.advance(999);
    expect(signal.aborted).toBe(false);
    await clock.advance(1);
    expect(signal.reason).toMatchObject({ name: "TimeoutError" });
  });

  test("never aborts once it was stopped, and leaves no sleeper behind", async () => {
    const clock = createManualClock();
    const timeout = startTimeout(clock, 1000);
    timeout.stop();
    await settle();
    await clock.advance(5000);
    expect(timeout.signal.aborted).toBe(false);
  });
});
