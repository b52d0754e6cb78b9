import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { durationMsMax, formatDuration, parseDuration } from "../../src/core/duration.ts";

describe("parseDuration()", () => {
  test.each([
    [90, 90_000],
    ["90", 90_000],
    [" 90 ", 90_000],
    ["0", 0],
    [1.5, 1500],
    ["1.5h", 5_400_000],
    ["1h30m", 5_400_000],
    ["90s", 90_000],
    ["1d", 86_400_000],
    ["250ms", 250],
    ["1m1ms", 60_001],
    ["3650d", durationMsMax],
  ])("reads %j as %i ms", (value, ms) => {
    expect(parseDuration(value)).toBe(ms);
  });

  test.each([
    "",
    " ",
    "-1",
    -1,
    "1h-30m",
    "soon",
    "1x",
    "h",
    "1 h",
    "1H",
    "1e3",
    1e21,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "3651d",
    "99999999999999999999",
    "0x10",
    ".5",
    "5.",
  ])("does not take %j", (value) => {
    expect(parseDuration(value)).toBeUndefined();
  });
});

describe("formatDuration()", () => {
  test.each([
    [0, "0s"],
    [0.2, "1ms"],
    [250, "250ms"],
    [1000, "1s"],
    [45_000, "45s"],
    [60_000, "1m"],
    [5_400_000, "1h30m"],
    [3_661_000, "1h1m1s"],
    [86_400_000, "24h"],
    [1499, "1s"],
  ])("writes %i ms as %j", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  test("writes what parseDuration() reads back, for whole seconds and for milliseconds below one", () => {
    const durations = fc.oneof(
      fc.integer({ min: 0, max: durationMsMax / 1000 }).map((seconds) => seconds * 1000),
      fc.integer({ min: 1, max: 999 }),
    );
    fc.assert(fc.property(durations, (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});
