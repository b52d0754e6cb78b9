import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LeaseView } from "../../src/core/requests.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;
let lease: LeaseView;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
  ({ lease } = await server.issue());
});
afterEach(() => harness.stop());

const stored = () => {
  const [only] = harness.leases.leases();
  if (!only) throw new Error("The lease is gone.");
  return only;
};
const attemptsMade = () => harness.vendor.calls.filter(({ call }) => call === "deleteKeys").length;
const revoke = (by = server) => by.ask("revokeLease", { leaseId: lease.id }).catch(() => {});

/** Goes each time to the next attempt and little further, so that most of the wait after the last one is left. */
async function untilSevenFailed(): Promise<void> {
  await revoke();
  while (stored().attempts < 7)
    await harness.clock.advance(Math.max(100, stored().dueAtMs - harness.clock.nowMs()));
}

describe("a revocation that is asked for again and again", () => {
  test("uses no attempts faster than the back-off would, however often it is refused", async () => {
    harness.vendor.failAll("deleteKeys", "refused");
    await revoke();
    const { dueAtMs } = stored();
    for (let times = 0; times < 30; times++) await revoke();
    expect(attemptsMade()).toBe(31);
    expect(stored()).toMatchObject({ state: "revoking", attempts: 1, dueAtMs, backoffEndsAtMs: dueAtMs });
  });

  test("counts the attempt that is made once the back-off is over, whoever asked for it", async () => {
    harness.vendor.failAll("deleteKeys", "refused");
    await revoke();
    for (const attempts of [2, 3, 4]) {
      await revoke();
      await harness.clock.advance(stored().dueAtMs - harness.clock.nowMs());
      await revoke();
      expect(stored()).toMatchObject({ attempts });
    }
  });

  test("makes no lease irrevocable in less time than the refusals alone do", async () => {
    harness.vendor.failAll("deleteKeys", "refused");
    const other = await harness.start();
    for (let second = 0; second < 120; second++) {
      await revoke(second % 2 === 0 ? server : other);
      await server.ask("revokePrefix", { prefix: "scripted" }, { deadlineMs: harness.clock.nowMs() + 900 });
    }
    expect(stored().attempts).toBeLessThanOrEqual(9);
    expect(stored().state).not.toBe("irrevocable");
  });

  test("does the work at once where nothing refuses it any more", async () => {
    harness.vendor.failAll("deleteKeys", "refused");
    for (let times = 0; times < 5; times++) await revoke();
    harness.vendor.heal();
    expect(await server.call("revokeLease", { leaseId: lease.id })).toEqual({ warnings: [] });
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("says when it is tried again as it was planned, not as if it had been the first", async () => {
    harness.vendor.failAll("deleteKeys", "refused");
    await untilSevenFailed();
    const leftSeconds = Math.floor((stored().dueAtMs - harness.clock.nowMs()) / 1000);
    expect(leftSeconds).toBeGreaterThan(20);
    const asked = server.call("revokeLease", { leaseId: lease.id });
    await expect(asked).rejects.toThrow(/It is tried again in about (\d+m|(\d+m)?\d+(\.\d+)?s),/);
    expect(Math.floor((stored().dueAtMs - harness.clock.nowMs()) / 1000)).toBe(leftSeconds);
  });

  test("moves the next attempt forward where the vendor only asks for time, and counts it no sooner", async () => {
    harness.vendor.failAll("deleteKeys", "refused");
    await untilSevenFailed();
    const { attempts, backoffEndsAtMs } = stored();
    harness.vendor.heal();
    harness.vendor.failAll("deleteKeys", "throttled");
    await revoke();
    expect(stored()).toMatchObject({ attempts, backoffEndsAtMs });
    expect(stored().dueAtMs).toBeLessThan(backoffEndsAtMs ?? 0);
  });
});
