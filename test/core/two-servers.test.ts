import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let one: TestServer;
let other: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  one = await harness.start();
  other = await harness.start();
  await one.mount();
});
afterEach(() => harness.stop());

const callsOf = (call: string) => harness.vendor.calls.filter((made) => made.call === call);

describe("two servers on one store", () => {
  test("revoke each lease once", async () => {
    for (let at = 0; at < 50; at++) await (at % 2 ? one : other).issue();
    await harness.clock.advance(65_000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(callsOf("deleteKeys")).toHaveLength(50);
    expect(callsOf("deleteUser")).toHaveLength(50);
  });

  test("both take part", async () => {
    await harness.clock.advance(1000);
    for (let at = 0; at < 50; at++) await one.issue();
    for (let at = 0; at < 50; at++) harness.vendor.fail("deleteKeys", { after: harness.clock.sleep(59_500) });
    await harness.clock.advance(70_000);
    expect(one.plug.calls).toContain("finish");
    expect(other.plug.calls).toContain("finish");
  });

  test("see each other's mounts, roles and leases at once", async () => {
    await one.call("write", { path: "scripted/roles/deploy", data: { note: "n", default_ttl: "90s" } });
    const { lease } = await other.issue();
    expect(lease.ttlLeftMs).toBe(90_000);
    await one.ask("revokeLease", { leaseId: lease.id });
    await expect(other.call("lookupLease", { leaseId: lease.id })).rejects.toMatchObject({
      code: "NO_SUCH_LEASE",
    });
  });

  test("end a lease that one of them was issuing when it died", async () => {
    harness.vendor.onCall((call) => void (call === "createKey" && one.plug.pull()));
    void one.call("read", { path: "scripted/creds/x", data: {} });
    await harness.clock.advance(harness.settings.issueGraceMs + 5000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("end a lease whose claim died with the other", async () => {
    await one.issue();
    await harness.clock.advance(59_000);
    harness.vendor.onCall((call) => {
      if (call !== "deleteUser" || one.plug.isPulled || other.plug.isPulled) return;
      const holder = one.plug.calls.includes("deleteKeys") ? one : other;
      holder.plug.pull();
    });
    await harness.clock.advance(20_000);
    expect([one, other].some(({ plug }) => plug.isPulled)).toBe(true);
    expect(harness.vendor.alive()).toEqual([]);
    expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
  });
});
