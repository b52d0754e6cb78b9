import { describe, expect, it } from "vitest";
import { createRateLedger } from "../../src/core/rate-ledger.ts";

/** AWS's token bucket as it is seen from outside: so many calls a second, and as many at once. */
function bucket(perSecondAt: (seconds: number) => number) {
  let tokens = perSecondAt(0);
  let atMs = 0;
  return (nowMs: number): boolean => {
    const perSecond = perSecondAt(nowMs / 1000);
    tokens = Math.min(perSecond, tokens + ((nowMs - atMs) * perSecond) / 1000);
    atMs = nowMs;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

/** Has servers with endless work call through one ledger; their first calls, as many as are under way at once, know of no limit. */
function run(options: {
  readonly perSecondAt: (seconds: number) => number;
  readonly seconds: number;
  readonly servers: number;
}) {
  const { perSecondAt, seconds, servers } = options;
  const ledger = createRateLedger();
  const take = bucket(perSecondAt);
  let done = 0;
  let throttled = 0;
  const call = (nowMs: number): number => {
    if (take(nowMs)) {
      done += 1;
      return 0;
    }
    throttled += 1;
    return 1;
  };
  const all = Array.from({ length: servers }, (_, at) => ({
    name: `server ${at}`,
    passed: 0,
    refused: 0,
    askAtMs: 0,
  }));
  for (let first = 0; first < 64 + perSecondAt(0) / servers; first++) {
    for (const server of all) {
      const failed = call(0);
      server.refused += failed;
      server.passed += 1 - failed;
    }
  }
  for (let nowMs = 0; nowMs < seconds * 1000; nowMs += 5) {
    for (const server of all) {
      if (nowMs < server.askAtMs) continue;
      const answer = ledger.take(
        { server: server.name, wants: [64, 0, 0], throttled: server.refused, passedPerSecond: server.passed },
        nowMs,
      );
      server.refused = 0;
      server.passed = 0;
      if (!answer.isLimited) throw new Error("There is no limit any more.");
      server.askAtMs = nowMs + Math.max(20, answer.waitMs);
      for (let calls = answer.grants[0] ?? 0; calls > 0; calls--) server.refused += call(nowMs);
    }
  }
  return { done, wasted: throttled / (done + throttled) };
}

describe("The rate ledger", () => {
  it.each([
    { perSecond: 5, servers: 1 },
    { perSecond: 20, servers: 1 },
    { perSecond: 20, servers: 3 },
    { perSecond: 200, servers: 2 },
  ])(
    "uses nearly all of $perSecond calls a second with $servers servers, and wastes few",
    ({ perSecond, servers }) => {
      const { done, wasted } = run({ perSecondAt: () => perSecond, seconds: 240, servers });
      expect(done / (240 * perSecond)).toBeGreaterThan(perSecond < 10 ? 0.93 : 0.97);
      expect(wasted).toBeLessThan(perSecond < 10 ? 0.1 : 0.05);
    },
  );

  it("follows a vendor that takes less, and more again", () => {
    const perSecondAt = (seconds: number) => (seconds >= 60 && seconds < 120 ? 20 : 100);
    const { done, wasted } = run({ perSecondAt, seconds: 180, servers: 2 });
    expect(done).toBeGreaterThan(0.85 * (60 * 100 + 60 * 20 + 60 * 100));
    expect(wasted).toBeLessThan(0.05);
  });

  it("never goes below two calls a second, and comes back from there", () => {
    const { done } = run({ perSecondAt: (seconds) => (seconds < 30 ? 0 : 50), seconds: 150, servers: 1 });
    expect(done).toBeGreaterThan(2000);
  });

  it("makes up for what was not asked for with half a second's worth at most", () => {
    const ledger = createRateLedger();
    ledger.limit(20, 0);
    const answer = ledger.take({ server: "a", wants: [100], throttled: 0, passedPerSecond: 0 }, 9000);
    expect(answer).toMatchObject({ isLimited: true, grants: [Math.floor(10 * 1.18)] });
  });
});
