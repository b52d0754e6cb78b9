import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

const isSettledWithinMs = 3000;

describe("a claim whose answer was lost", () => {
  test("is found again by the lane that made it, long before it would be over", async () => {
    const { lease } = await server.issue();
    await harness.clock.advance(lease.ttlLeftMs - 1000);
    harness.leases.breakNext("claim", "after");
    await harness.clock.advance(1000 + isSettledWithinMs);
    expect(isSettledWithinMs).toBeLessThan(harness.settings.visibilityMs);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("is told to a caller at once, and found again in the background", async () => {
    const { lease } = await server.issue();
    harness.leases.breakNext("claim", "after");
    await expect(server.call("revokeLease", { leaseId: lease.id })).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    await harness.clock.advance(isSettledWithinMs);
    expect(harness.vendor.alive()).toEqual([]);
    expect(harness.leases.leases()).toEqual([]);
  });

  test("is given up when the storage stays away, and comes due when it is over", async () => {
    const { lease } = await server.issue();
    await harness.clock.advance(lease.ttlLeftMs - 1000);
    harness.leases.breakNext("claim", "after", 4);
    await harness.clock.advance(1000 + 2 * harness.settings.visibilityMs);
    expect(harness.vendor.alive()).toEqual([]);
  });
});
