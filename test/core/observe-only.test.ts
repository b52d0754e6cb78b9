import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start({ isObserveOnly: true });
  await server.mount();
});
afterEach(() => harness.stop());

const status = () => server.ask("operatorStatus", {});

describe("a server that only observes", () => {
  test("revokes nothing that comes due, and says what it would", async () => {
    const { lease } = await server.issue(undefined, { ttl: "10s" });
    await server.issue(undefined, { ttl: "5m" });
    await harness.clock.advance(3 * 60_000);
    harness.leases.fireDue();
    await harness.clock.advance(5000);
    expect(server.plug.calls).not.toContain("claim");
    expect(harness.vendor.alive()).toHaveLength(2);
    expect(await status()).toMatchObject({ isObserveOnly: true, wouldRevoke: 1, wouldRevokeIds: [lease.id] });
  });

  test("leaves what it issues to another server that revokes", async () => {
    await server.issue(undefined, { ttl: "10s" });
    await harness.start();
    await harness.clock.advance(12_000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("renews, and revokes the one lease that a person names", async () => {
    const { lease } = await server.issue(undefined, { ttl: "10s" });
    await server.issue(undefined, { ttl: "10s" });
    const renewed = await server.ask("renewLease", { leaseId: lease.id, incrementMs: 60_000 });
    expect(renewed.lease.expiresAtMs).toBeGreaterThan(lease.expiresAtMs);
    await harness.clock.advance(20_000);
    await server.ask("revokeLease", { leaseId: lease.id });
    expect(harness.leases.leases().map(({ state }) => state)).toEqual(["active"]);
  });

  test("revokes under a prefix that a person names, and nothing else that is due", async () => {
    for (let at = 0; at < 20; at++) await server.issue("scripted/creds/a", { ttl: "10s" });
    const other = await server.issue("scripted/creds/b", { ttl: "10s" });
    await harness.clock.advance(20_000);
    const answer = await server.ask("revokePrefix", { prefix: "scripted/creds/a" });
    expect(answer).toEqual({ revoked: 20, pending: 0 });
    await harness.clock.advance(20_000);
    expect(harness.leases.leases().map(({ id }) => id)).toEqual([other.lease.id]);
  });

  test("makes one attempt at each lease that a person names, and says what is left", async () => {
    for (let at = 0; at < 3; at++) await server.issue("scripted/creds/a");
    harness.vendor.fail("deleteKeys", "refused");
    expect(await server.ask("revokePrefix", { prefix: "scripted/creds/a" })).toEqual({
      revoked: 2,
      pending: 1,
    });
    await harness.clock.advance(3 * 60_000);
    expect(harness.leases.leases()).toMatchObject([{ state: "revoking", attempts: 1 }]);
    await server.ask("operatorResume", {});
    await harness.clock.advance(2000);
    expect(harness.leases.leases()).toEqual([]);
  });

  test("waits no longer than the caller for a vendor that hangs", async () => {
    await server.issue("scripted/creds/a");
    harness.vendor.failAll("deleteKeys", "stuck");
    const deadlineMs = harness.clock.nowMs() + 3000;
    const answer = await server.ask("revokePrefix", { prefix: "scripted/creds/a" }, { deadlineMs });
    expect(answer).toEqual({ revoked: 0, pending: 1 });
    expect(harness.clock.nowMs()).toBeLessThanOrEqual(deadlineMs);
    harness.vendor.heal();
  });

  test("unmounts what a person names, and goes on with nothing that is left", async () => {
    await server.mount("other");
    await server.issue("other/creds/a");
    await server.issue("scripted/creds/a");
    harness.vendor.fail("deleteKeys", "refused");
    expect(await server.ask("unmount", { path: "other" })).toMatchObject({ revoked: 0, pending: 1 });
    expect(await server.ask("unmount", { path: "scripted" })).toMatchObject({ revoked: 1, pending: 0 });
    await harness.clock.advance(60_000);
    expect((await server.call("listMounts", {})).map(({ path }) => path)).toEqual(["other"]);
    await server.ask("operatorResume", {});
    await harness.clock.advance(5000);
    expect(await server.call("listMounts", {})).toEqual([]);
  });

  test("revokes all that is due once a person says go on any server", async () => {
    const other = await harness.start({ isObserveOnly: true });
    for (let at = 0; at < 5; at++) await server.issue(undefined, { ttl: "10s" });
    await harness.clock.advance(60_000);
    server.plug.pull();
    expect(await other.ask("operatorResume", {})).toEqual({ due: 5 });
    await harness.clock.advance(2000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(await other.ask("operatorStatus", {})).toMatchObject({ isObserveOnly: false, wouldRevoke: 0 });
  });

  test("hears within two seconds that a person said go elsewhere", async () => {
    const other = await harness.start({ isObserveOnly: true });
    await server.issue(undefined, { ttl: "10s" });
    await harness.clock.advance(60_000);
    await other.ask("operatorResume", {});
    other.plug.pull();
    await harness.clock.advance(2000);
    expect(server.core.isObserving()).toBe(false);
  });
});

describe("a server that lost its storage for a while", () => {
  beforeEach(async () => {
    await server.ask("operatorResume", {});
  });

  test("claims nothing before it has looked at what came back", async () => {
    await server.issue(undefined, { ttl: "10s" });
    server.core.storageLost();
    harness.storage.breakNext("readMounts", "before", 20);
    harness.leases.breakNext("epoch", "before", 40);
    await harness.clock.advance(15_000);
    expect(server.plug.calls).not.toContain("claim");
    await harness.clock.advance(10_000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("looks at once when it is there again", async () => {
    await server.issue(undefined, { ttl: "10s" });
    await harness.clock.advance(9900);
    server.core.storageLost();
    server.core.storageBack();
    await harness.clock.advance(150);
    expect(harness.vendor.alive()).toEqual([]);
  });
});
