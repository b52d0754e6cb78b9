import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grantTtl, renewedExpiry, spreadTtl, type TtlSources } from "../../src/core/ttl.ts";

const minute = 60_000;
const system = { defaultTtlMs: 60 * minute, maxTtlMs: 1440 * minute };

describe("grantTtl()", () => {
  const all: TtlSources = { requestMs: 1 * minute, roleMs: 2 * minute, backendMs: 3 * minute };
  test.each<[string, TtlSources, { defaultTtlMs?: number }, number]>([
    ["the request", all, { defaultTtlMs: 4 * minute }, 1],
    ["the role", { ...all, requestMs: undefined }, { defaultTtlMs: 4 * minute }, 2],
    ["the backend", { backendMs: 3 * minute }, { defaultTtlMs: 4 * minute }, 3],
    ["the mount", {}, { defaultTtlMs: 4 * minute }, 4],
    ["the system", {}, {}, 60],
  ])("takes the TTL of %s where nothing before it is set", (_name, sources, mount, minutes) => {
    expect(grantTtl(sources, mount, system)).toEqual({
      ttlMs: minutes * minute,
      maxTtlMs: system.maxTtlMs,
      warnings: [],
    });
  });

  test.each<[string, TtlSources, { maxTtlMs?: number }, number]>([
    ["the role", { roleMaxMs: 1 * minute, backendMaxMs: 2 * minute }, { maxTtlMs: 3 * minute }, 1],
    ["the backend", { roleMaxMs: 9 * minute, backendMaxMs: 2 * minute }, { maxTtlMs: 3 * minute }, 2],
    ["the mount", { roleMaxMs: 9 * minute }, { maxTtlMs: 3 * minute }, 3],
    ["the system", { roleMaxMs: 9999 * minute }, {}, 1440],
  ])("cuts to the least maximum, here that of %s, with a warning", (_name, sources, mount, minutes) => {
    const granted = grantTtl({ ...sources, requestMs: 2000 * minute }, mount, system);
    expect(granted).toMatchObject({ ttlMs: minutes * minute, maxTtlMs: minutes * minute });
    expect(granted.warnings).toEqual([
      expect.stringMatching(/^TTL of 33h20m is more than the maximum, and was cut to /),
    ]);
  });

  test("takes a TTL that equals the maximum without a warning", () => {
    expect(grantTtl({ requestMs: minute, roleMaxMs: minute }, {}, system).warnings).toEqual([]);
  });

  test("keeps a TTL of zero for the caller to refuse, rather than taking it for unset", () => {
    expect(grantTtl({ requestMs: 0, roleMs: minute }, {}, system).ttlMs).toBe(0);
  });
});

describe("spreadTtl()", () => {
  const spread = (ttlMs: number, random: number, shareMax = 0.02) => spreadTtl(ttlMs, { shareMax, random });

  test.each([
    [10 * minute, 0, 600],
    [10 * minute, 0.9999, 588],
    [60 * minute, 0.5, 3564],
    [60 * minute + 500, 0.9999, 3528.5],
    [9 * minute + 59_999, 0.9999, 599.999],
    [1000, 0.9999, 1],
  ])("makes a TTL of %i ms, with a random number of %f, one of %f s", (ttlMs, random, seconds) => {
    expect(spread(ttlMs, random)).toBe(seconds * 1000);
  });

  test("leaves every TTL as it is where the share is 0", () => {
    expect(spread(1440 * minute, 0.9999, 0)).toBe(1440 * minute);
  });

  test("takes whole seconds, at most 2 % of any TTL", () => {
    const ttl = fc.integer({ min: 1000, max: 1e10 });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(ttl, random, (ttlMs, number) => {
        const taken = ttlMs - spread(ttlMs, number);
        return taken >= 0 && taken <= ttlMs * 0.02 && taken % 1000 === 0;
      }),
    );
  });
});

describe("renewedExpiry()", () => {
  const base = { nowMs: 1000, expiresAtMs: 5000, maxExpiresAtMs: 20_000, firstTtlMs: 8000 };
  test.each([
    ["no increment grants the first TTL again", {}, 9000, false],
    ["no increment never moves the expiry earlier", { expiresAtMs: 9500 }, 9500, false],
    ["no increment stops at the maximum", { nowMs: 15_000, expiresAtMs: 16_000 }, 20_000, true],
    ["an increment moves the expiry later", { incrementMs: 12_000 }, 13_000, false],
    ["an increment may move the expiry earlier", { incrementMs: 2000 }, 3000, false],
    ["an increment stops at the maximum", { incrementMs: 60_000 }, 20_000, true],
    ["an increment that just reaches the maximum is not cut", { incrementMs: 19_000 }, 20_000, false],
  ])("%s", (_name, changed, expiresAtMs, isCut) => {
    expect(renewedExpiry({ ...base, incrementMs: undefined, ...changed })).toEqual({ expiresAtMs, isCut });
  });

  test("passes the maximum for no request", () => {
    const ms = fc.integer({ min: 0, max: 1e9 });
    const increment = fc.option(ms, { nil: undefined });
    fc.assert(
      fc.property(
        ms,
        increment,
        ms,
        ms,
        ms,
        (nowMs, incrementMs, expiresAtMs, maxExpiresAtMs, firstTtlMs) => {
          const request = { nowMs, incrementMs, expiresAtMs, maxExpiresAtMs, firstTtlMs };
          return renewedExpiry(request).expiresAtMs <= maxExpiresAtMs;
        },
      ),
    );
  });
});
