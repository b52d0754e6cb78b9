import { randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { type RateRules, rateRules } from "../../src/core/rate-rules.ts";
import type { RateAnswer, SharedRates } from "../../src/core/shared-rates.ts";

/** Shared rates under test, by rules that the suite gives, and how time passes for them. */
export interface SharedRatesUnderTest {
  readonly rates: SharedRates;
  pass(ms: number): Promise<void>;
}

/** Short memories, and no growth: what is granted can then be reckoned, even where time passes by itself. */
const rules: RateRules = {
  ...rateRules,
  perSecondMin: 1,
  growthShare: 0,
  fastGrowthShare: 0,
  cutEveryMs: 200,
  heldBackMs: 150,
  memoryMs: 600,
};

/** What all shared rates keep to; runs against those in memory and those on Redis. */
export function sharedRatesConformance(
  name: string,
  make: (rules: RateRules) => Promise<SharedRatesUnderTest>,
): void {
  describe(`${name} as shared rates`, () => {
    let rates: SharedRates;
    let pass: SharedRatesUnderTest["pass"];
    let subject: string;

    beforeEach(async () => {
      ({ rates, pass } = await make(rules));
      subject = randomUUID();
    });

    const take = (
      wants: readonly number[],
      { server = "one", throttled = 0, passedPerSecond = 0, of = subject } = {},
    ) => rates.take({ subject: of, server, wants, throttled, passedPerSecond });

    async function limited(...args: Parameters<typeof take>): Promise<RateAnswer & { isLimited: true }> {
      const answer = await take(...args);
      if (!answer.isLimited) throw new Error("There is no limit.");
      return answer;
    }

    it("limit nothing until a call was throttled, and then one subject alone", async () => {
      expect(await take([5, 5, 5])).toEqual({ isLimited: false });
      await limited([5, 5, 5], { throttled: 1, passedPerSecond: 100 });
      expect(await take([5, 5, 5], { of: `${subject}-other` })).toEqual({ isLimited: false });
    });

    it("begin with a share of what went through, of all servers that find out at the same time", async () => {
      const { perSecond, grants, waitMs } = await limited([5, 0, 0], {
        throttled: 3,
        passedPerSecond: 100,
      });
      expect(perSecond).toBeCloseTo(90, 1);
      expect(grants).toEqual([0, 0, 0]);
      expect(waitMs).toBeGreaterThan(0);
      const second = await limited([5, 0, 0], { server: "two", throttled: 3, passedPerSecond: 50 });
      expect(second.perSecond).toBeCloseTo(135, 1);
    });

    it("grant what the rate allows, to all servers together", async () => {
      await limited([0, 0, 0], { throttled: 1, passedPerSecond: 1000 });
      await pass(100);
      const first = await limited([60, 0, 0]);
      const second = await limited([1000, 0, 0], { server: "two" });
      expect(first.grants[0]).toBe(60);
      expect(second.grants[0]).toBeGreaterThanOrEqual(29);
      // Half a second's worth is the most, however slow the machine is.
      expect(60 + (second.grants[0] ?? 0)).toBeLessThanOrEqual(470);
      expect(second.waitMs).toBeLessThanOrEqual(100);
    });

    it("cut once in a while, however many calls are throttled meanwhile", async () => {
      await limited([0, 0, 0], { throttled: 1, passedPerSecond: 100 });
      await pass(250);
      const cut = await limited([0, 0, 0], { throttled: 5 });
      expect(cut.perSecond).toBeLessThanOrEqual(81.1);
      expect(cut.perSecond).toBeGreaterThanOrEqual(44.9);
      const same = await limited([0, 0, 0], { throttled: 5 });
      expect(same.perSecond).toBeCloseTo(cut.perSecond, 1);
    });

    it("keep to one call a second at least", async () => {
      const { perSecond } = await limited([1, 0, 0], { throttled: 9 });
      expect(perSecond).toBeCloseTo(1, 2);
    });

    it("give a class nothing while one before it, of any server, has not got what it asked for", async () => {
      await limited([0, 0, 0], { throttled: 1, passedPerSecond: 100 });
      await limited([1000, 0, 0]);
      const other = await limited([0, 5, 0], { server: "two" });
      expect(other).toMatchObject({ grants: [0, 0, 0], isHeldBack: [false, true, true] });
      await limited([0, 0, 0]);
      await pass(50);
      expect(await limited([0, 1, 0], { server: "two" })).toMatchObject({
        grants: [0, 1, 0],
        isHeldBack: [false, false, false],
      });
    });

    it("forget what a server asked for that does not ask again", async () => {
      await limited([0, 0, 0], { throttled: 1, passedPerSecond: 100 });
      await limited([1000, 0, 0]);
      await pass(200);
      expect(await limited([0, 1, 0], { server: "two" })).toMatchObject({ grants: [0, 1, 0] });
    });

    it("keep a share for the last class, while it asks", async () => {
      await limited([0, 0, 0], { throttled: 1, passedPerSecond: 1000 });
      await limited([1000, 0, 5]);
      await pass(100);
      const { grants, isHeldBack } = await limited([1000, 0, 100]);
      expect(isHeldBack).toEqual([false, true, true]);
      expect(grants[0]).toBeGreaterThanOrEqual(70);
      expect(grants[1]).toBe(0);
      expect(grants[2]).toBeGreaterThanOrEqual(12);
      expect(grants[2]).toBeLessThanOrEqual(70);
    });

    it("have no limit any more when nothing was throttled for long", async () => {
      await limited([0, 0, 0], { throttled: 1, passedPerSecond: 100 });
      await pass(400);
      await limited([1, 0, 0]);
      await limited([1, 0, 0], { throttled: 1 });
      await pass(400);
      await limited([1, 0, 0]);
      await pass(250);
      expect(await take([1, 0, 0])).toEqual({ isLimited: false });
    });
  });
}
