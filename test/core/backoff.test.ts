import { describe, expect, test } from "vitest";
import { RetryLater, Throttled } from "../../src/core/backend.ts";
import { heldBack, planRetry } from "../../src/core/backoff.ts";
import { CoreError } from "../../src/core/errors.ts";

const refused = new CoreError("BACKEND_REFUSED", "No.");
const away = new CoreError("BACKEND_UNAVAILABLE", "Away.");
const storeAway = new CoreError("STORAGE_UNAVAILABLE", "The store is away.");
const middle = 0.5;

/** Plays a row of failures and answers the plans. */
function play(failures: readonly unknown[]) {
  let attempts = 0;
  return failures.map((failure) => {
    const plan = planRetry(failure, attempts, middle);
    if (plan.usesAttempt) attempts += 1;
    return plan;
  });
}

describe("planRetry()", () => {
  test("never gives up, whatever fails and however often", () => {
    for (const error of [
      refused,
      away,
      storeAway,
      new Error("a bug"),
      new RetryLater(away, 1000),
      undefined,
    ]) {
      for (const attempts of [0, 11, 12, 1000, 1e9]) {
        const { afterMs } = planRetry(error, attempts, 0.999);
        expect(afterMs).toBeGreaterThan(0);
        expect(afterMs).toBeLessThanOrEqual(1.25 * 3_600_000);
      }
    }
  });

  test("doubles the wait with each refusal, up to five minutes", () => {
    const waits = play(Array.from({ length: 11 }, () => refused)).map(({ afterMs }) => afterMs / 1000);
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  });

  test("takes a lease for irrevocable after twelve refusals, and asks hourly then", () => {
    const plans = play(Array.from({ length: 14 }, () => refused));
    expect(plans.map(({ isIrrevocable }) => isIrrevocable)).toEqual([
      ...Array.from({ length: 11 }, () => false),
      ...[true, true, true],
    ]);
    expect(plans.at(-1)).toMatchObject({ afterMs: 3_600_000, usesAttempt: true });
  });

  test("asks a vendor that is away every 15 seconds at least, and never takes the lease for irrevocable", () => {
    const plans = play(Array.from({ length: 500 }, () => away));
    expect(plans.slice(0, 6).map(({ afterMs }) => afterMs)).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000]);
    expect(plans.every(({ isIrrevocable, isSoon }) => !isIrrevocable && !isSoon)).toBe(true);
  });

  test("does not take the first refusal after a long outage for the last", () => {
    const plans = play([...Array.from({ length: 500 }, () => away), refused]);
    expect(plans.at(-1)).toMatchObject({ isIrrevocable: false, afterMs: 16_000 });
  });

  test("uses no attempt where the vendor asks for time, and waits as long as it asks", () => {
    expect(planRetry(new RetryLater(away, 5000), 3, middle)).toEqual({
      error: "Away.",
      reason: away,
      afterMs: 5000,
      usesAttempt: false,
      isIrrevocable: false,
      wasIrrevocable: false,
      isThrottled: false,
      isSoon: true,
    });
  });

  test("takes no mark off a lease that is irrevocable, whatever fails after it, and comes back as soon as it would", () => {
    for (const [error, afterMs] of [
      [away, 15_000],
      [storeAway, 15_000],
      [new RetryLater(away, 5000), 5000],
      [new Throttled(away, 2000), 2000],
      [refused, 3_600_000],
    ] as const) {
      expect(planRetry(error, 12, middle)).toMatchObject({
        isIrrevocable: true,
        wasIrrevocable: true,
        afterMs,
      });
    }
    expect(planRetry(refused, 11, middle)).toMatchObject({ isIrrevocable: true, wasIrrevocable: false });
  });

  test("knows a throttle from another request for time", () => {
    expect(planRetry(new Throttled(away, 2000), 3, middle)).toMatchObject({
      isThrottled: true,
      usesAttempt: false,
    });
    expect(planRetry(new RetryLater(away, 2000), 3, middle).isThrottled).toBe(false);
  });

  test("uses no attempt where the store is away", () => {
    expect(planRetry(storeAway, 3, middle)).toMatchObject({ usesAttempt: false, isIrrevocable: false });
  });

  test("says nothing of a bug but that it is one", () => {
    const plan = planRetry(new Error("SECRET in a message"), 0, middle);
    expect(plan.error).toBe("The attempt to revoke failed by a bug; see the log.");
    expect(plan.reason.code).toBe("INTERNAL");
  });

  test("spreads the wait, so that many leases do not come back at the same moment", () => {
    expect([0, 0.5, 1].map((random) => planRetry(refused, 0, random).afterMs)).toEqual([750, 1000, 1250]);
  });

  test("cuts what is recorded at 200 characters", () => {
    expect(planRetry(new CoreError("BACKEND_REFUSED", "x".repeat(500)), 0, middle).error).toHaveLength(200);
  });
});

describe("heldBack()", () => {
  test("uses no attempt and keeps to the time that was planned, where a wait is not over", () => {
    const plan = planRetry(refused, 3, middle);
    expect(heldBack(plan, 5000)).toEqual({ ...plan, afterMs: 5000, usesAttempt: false });
  });

  test("lets no attempt within a wait be the last one, and takes no mark off", () => {
    expect(heldBack(planRetry(refused, 11, middle), 1)).toMatchObject({ isIrrevocable: false });
    expect(heldBack(planRetry(refused, 12, middle), 1)).toMatchObject({ isIrrevocable: true });
  });

  test("changes nothing once the wait is over, or where no attempt would be used", () => {
    const due = planRetry(refused, 3, middle);
    expect(heldBack(due, 0)).toBe(due);
    expect(heldBack(due, -5000)).toBe(due);
    for (const error of [storeAway, new RetryLater(away, 1000), new Throttled(away, 1000)]) {
      const plan = planRetry(error, 12, middle);
      expect(heldBack(plan, 3_000_000)).toBe(plan);
    }
  });
});
