import { describe, expect, test } from "vitest";
import { createRateLimits, defaultRateLimits } from "../../../src/core/access/rate-limits.ts";
import { CoreError } from "../../../src/core/errors.ts";
import { createCoreHarness } from "../../kit/core-harness.ts";

const make = (settings: Partial<typeof defaultRateLimits>) => {
  let nowMs = 1000;
  const limits = createRateLimits({ ...defaultRateLimits, ...settings }, () => nowMs);
  /** How many of `count` calls are admitted, and how long the last one that was not is to wait. */
  const admitted = (callerId: string, count: number, path?: string) => {
    let retryAfterMs = 0;
    let through = 0;
    for (let call = 0; call < count; call++) {
      try {
        limits.admit(callerId, () => path);
        through += 1;
      } catch (error) {
        if (!(error instanceof CoreError)) throw error;
        expect(error.code).toBe("RATE_LIMITED");
        retryAfterMs = error.retryAfterMs ?? 0;
      }
    }
    return { through, retryAfterMs };
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { admitted, pass };
};

describe("rate limits", () => {
  test("let a caller call as often as it may, with twice as many at once, and say when to try again", () => {
    const { admitted, pass } = make({ callerPerSecond: 5 });
    expect(admitted("a", 20)).toEqual({ through: 10, retryAfterMs: 200 });
    expect(admitted("b", 3).through).toBe(3);
    pass(200);
    expect(admitted("a", 2).through).toBe(1);
    pass(60_000);
    expect(admitted("a", 20).through).toBe(10);
  });

  test("limit the paths under the longest prefix that fits, for each caller", () => {
    const paths = [
      { prefix: "aws/", perSecond: 4 },
      { prefix: "aws/creds/", perSecond: 2 },
    ];
    const { admitted } = make({ paths });
    expect(admitted("a", 9, "aws/creds/deploy").through).toBe(2);
    expect(admitted("a", 9, "aws/roles/deploy").through).toBe(4);
    expect(admitted("b", 9, "aws/creds/deploy").through).toBe(2);
    expect(admitted("a", 9, "kv/x").through).toBe(9);
    expect(admitted("a", 9, undefined).through).toBe(9);
  });

  test("let a caller call at last, however seldom it may", () => {
    const { admitted, pass } = make({ callerPerSecond: 0.1 });
    expect(admitted("a", 3)).toEqual({ through: 1, retryAfterMs: 10_000 });
    pass(10_000);
    expect(admitted("a", 3).through).toBe(1);
  });

  test("let strangers try at last, however seldom they may fail", () => {
    let nowMs = 1000;
    const limits = createRateLimits({ ...defaultRateLimits, failuresPerMinute: 0.5 }, () => nowMs);
    limits.admitStranger("10.0.0.1:1");
    limits.noteFailure("10.0.0.1:1");
    expect(() => limits.admitStranger("10.0.0.1:1")).toThrow("Too many calls");
    nowMs += 120_000;
    limits.admitStranger("10.0.0.1:1");
  });

  test("take all addresses of one IPv6 network for one, however they are written", () => {
    const limits = createRateLimits({ ...defaultRateLimits, failuresPerMinute: 4 }, () => 1000);
    for (const peer of ["2001:db8::1:50001", "[2001:db8::2]:50002", "2001:db8::a:b:c:d:50003"])
      limits.noteFailure(peer);
    limits.noteFailure("::ffff:10.0.0.1:50004");
    limits.admitStranger("2001:db8::ffff:50005");
    limits.noteFailure("2001:db8::ffff:50006");
    expect(() => limits.admitStranger("2001:db8::7:50007")).toThrow("Too many calls");
    limits.admitStranger("2001:db8:0:1::1:50008");
    for (let failures = 0; failures < 3; failures++) limits.noteFailure("10.0.0.1:50009");
    expect(() => limits.admitStranger("10.0.0.1:50010")).toThrow("Too many calls");
  });

  test("remember the newest ten thousand callers only", () => {
    const { admitted } = make({ callerPerSecond: 1 });
    expect(admitted("first", 5).through).toBe(2);
    for (let caller = 0; caller < 10_001; caller++) admitted(`c${caller}`, 1);
    expect(admitted("first", 5).through).toBe(2);
  });
});

test("whoever keeps guessing tokens from one address is told to wait, and nobody else", async () => {
  const harness = createCoreHarness();
  const server = await harness.start();
  const guess = (peer: string) =>
    server.ask("listMounts", {}, { token: "lh.guess", peer }).then(
      () => "OK",
      (error: unknown) => (error instanceof CoreError ? error.code : "BUG"),
    );
  for (let failures = 0; failures < defaultRateLimits.failuresPerMinute; failures++)
    expect(await guess(`10.0.0.1:${failures}`)).toBe("UNAUTHENTICATED");
  expect(await guess("10.0.0.1:1")).toBe("RATE_LIMITED");
  expect(await guess("10.0.0.2:1")).toBe("UNAUTHENTICATED");
  await server.ask("listMounts", {}, { peer: "10.0.0.1:2" });
  await harness.clock.advance(60_000);
  expect(await guess("10.0.0.1:3")).toBe("UNAUTHENTICATED");
  await harness.stop();
});
