import { beforeEach, describe, expect, test } from "vitest";
import { type AttemptLimits, createAttemptLimits } from "../../src/core/attempt-limits.ts";
import { createManualClock, type ManualClock } from "../kit/manual-clock.ts";

let clock: ManualClock;
let start: () => AttemptLimits;

beforeEach(() => {
  clock = createManualClock();
  start = createAttemptLimits({ clock, stopAfterMs: 8000, leaveAfterMs: 10_000 });
});

const passed = ({ stop, leave }: AttemptLimits) => [stop.aborted, leave.aborted];

describe("the limits of an attempt", () => {
  test("pass one after the other, counted from the start of each attempt", async () => {
    const first = start();
    await clock.advance(1000);
    const second = start();
    await clock.advance(7000);
    expect([passed(first), passed(second)]).toEqual([
      [true, false],
      [false, false],
    ]);
    await clock.advance(2000);
    expect([passed(first), passed(second)]).toEqual([
      [true, true],
      [true, false],
    ]);
    expect(first.stop.reason).toMatchObject({ name: "TimeoutError" });
  });

  test("are those of the others that began in the same millisecond, and hold for them where one ends", async () => {
    const [first, second] = [start(), start()];
    expect(second.stop).toBe(first.stop);
    first.end();
    await clock.advance(10_000);
    expect(passed(second)).toEqual([true, true]);
  });

  test("pass no more once all have ended, and begin anew for the next", async () => {
    const [first, second] = [start(), start()];
    first.end();
    second.end();
    const third = start();
    expect(third.stop).not.toBe(first.stop);
    await clock.advance(10_000);
    expect([passed(first), passed(third)]).toEqual([
      [false, false],
      [true, true],
    ]);
  });
});
