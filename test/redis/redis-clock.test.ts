import { describe, expect, it } from "vitest";
import { createRedisClock, timeReplyMs } from "../../src/redis/redis-clock.ts";

function make() {
  let monotonicMs = 1000;
  const clock = createRedisClock(() => monotonicMs);
  return {
    clock,
    pass: (ms: number) => {
      monotonicMs += ms;
    },
    /** A call of this length, in the middle of which Redis says this time. */
    call: (redisNowMs: number, roundTripMs: number) => {
      const sentMs = monotonicMs;
      monotonicMs += roundTripMs;
      clock.learn(redisNowMs, sentMs);
    },
  };
}

describe("The clock of Redis", () => {
  it("knows nothing until it has learnt", () => {
    expect(make().clock.nowMs()).toBeUndefined();
  });

  it("goes on from what it has learnt", () => {
    const { clock, pass, call } = make();
    call(500_000, 10);
    expect(clock.nowMs()).toBe(500_006);
    pass(1000);
    expect(clock.nowMs()).toBe(501_006);
  });

  it("keeps a good estimate over one from a slow call", () => {
    const { clock, call } = make();
    call(500_000, 2);
    call(500_002, 900);
    expect(clock.nowMs()).toBeCloseTo(500_902, -1);
  });

  it("takes the slow call's estimate once the good one may have drifted as far", () => {
    const { clock, pass, call } = make();
    call(500_000, 2);
    pass(60_000);
    call(560_050, 100);
    expect(clock.nowMs()).toBeCloseTo(560_100, -1);
  });

  it("follows a Redis whose clock was set, forward or back", () => {
    const { clock, call } = make();
    call(500_000, 2);
    call(900_000, 50);
    expect(clock.nowMs()).toBeCloseTo(900_025, -1);
    call(100_000, 50);
    expect(clock.nowMs()).toBeCloseTo(100_025, -1);
  });
});

describe("timeReplyMs()", () => {
  it("reads seconds and microseconds", () => {
    expect(timeReplyMs([Buffer.from("1700000000"), Buffer.from("999999")])).toBe(1_700_000_000_999);
  });
});
