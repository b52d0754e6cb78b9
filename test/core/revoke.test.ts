import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CoreError } from "../../src/core/errors.ts";
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

const revoke = () => server.ask("revokeLease", { leaseId: lease.id });
const nothingIsLeft = () => {
  expect(harness.vendor.alive()).toEqual([]);
  expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
};

describe("revoke()", () => {
  test("answers once the lease is gone", async () => {
    expect(await server.call("revokeLease", { leaseId: lease.id })).toEqual({ warnings: [] });
    nothingIsLeft();
    expect(harness.telemetry).toContainEqual(["revoked", "scripted", undefined]);
  });

  test("answers at once where the vendor is away, and goes on by itself until it is back", async () => {
    harness.vendor.failAll("deleteKeys", "unavailable");
    await expect(server.call("revokeLease", { leaseId: lease.id })).rejects.toMatchObject({
      code: "REVOCATION_PENDING",
      message: expect.stringContaining("The vendor did not answer deleteKeys."),
      details: { lease_id: lease.id },
    });
    await harness.clock.advance(15 * 60_000);
    expect(harness.leases.leases()).toMatchObject([{ state: "revoking" }]);
    harness.vendor.heal();
    await harness.clock.advance(20_000);
    nothingIsLeft();
  });

  test("passes on why the vendor refused", async () => {
    harness.vendor.fail("deleteUser", "refused");
    await expect(revoke()).rejects.toMatchObject({
      code: "REVOCATION_PENDING",
      details: { call: "deleteUser" },
    });
  });

  test("waits within the caller's time where the vendor asks for a moment", async () => {
    harness.vendor.fail("deleteUser", "throttled", 2);
    await revoke();
    nothingIsLeft();
    expect(harness.telemetry.filter(([kind]) => kind === "revocationFailed")).toHaveLength(2);
  });

  test("gives the caller an answer before the caller's deadline", async () => {
    harness.vendor.failAll("deleteUser", "throttled");
    const startedMs = harness.clock.nowMs();
    const attempt = server.ask("revokeLease", { leaseId: lease.id }, { deadlineMs: startedMs + 3000 });
    await expect(attempt).rejects.toMatchObject({ code: "REVOCATION_PENDING" });
    expect(harness.clock.nowMs() - startedMs).toBeLessThan(3000);
  });

  test("uses no attempt while the vendor asks for time", async () => {
    harness.vendor.failAll("deleteUser", "throttled");
    await revoke().catch(() => {});
    expect(harness.leases.leases()).toMatchObject([{ state: "revoking", attempts: 0 }]);
  });

  test("goes on where the caller hangs up", async () => {
    const caller = new AbortController();
    const hungUp = new CoreError("CANCELLED", "The caller hung up.");
    harness.vendor.fail("deleteKeys", { after: harness.clock.sleep(1000) });
    const attempt = server.call("revokeLease", { leaseId: lease.id }, { signal: caller.signal });
    caller.abort(hungUp);
    await expect(attempt).rejects.toBe(hungUp);
    await harness.clock.advance(1000);
    nothingIsLeft();
  });

  test("waits for the worker who holds the lease already", async () => {
    harness.vendor.fail("deleteKeys", { after: harness.clock.sleep(1000) });
    const [one, other] = await Promise.all([revoke(), revoke()]);
    expect([one, other]).toEqual([{ warnings: [] }, { warnings: [] }]);
    expect(harness.vendor.calls.filter(({ call }) => call === "deleteUser")).toHaveLength(1);
  });

  test("succeeds where the record of the end lost its reply", async () => {
    harness.leases.breakNext("finish", "after");
    await revoke();
    nothingIsLeft();
    expect(harness.telemetry.some(([kind]) => kind === "revocationFailed")).toBe(false);
  });

  test("does not disarm again what is recorded as disarmed", async () => {
    harness.vendor.fail("deleteUser", "unavailable");
    await revoke().catch(() => {});
    expect(harness.leases.leases()[0]?.disarmedAtMs).toBe(harness.clock.nowMs());
    await harness.clock.advance(5000);
    expect(harness.vendor.calls.slice(2).map(({ call }) => call)).toEqual([
      "deleteKeys",
      "deleteUser",
      "deleteUser",
    ]);
  });

  test("records nothing as disarmed before it is", async () => {
    harness.vendor.fail("deleteKeys", "lost reply");
    await revoke().catch(() => {});
    expect(harness.leases.leases()).toMatchObject([{ disarmedAtMs: undefined, state: "revoking" }]);
  });

  test("takes a backend that only stops when it is told to for one that is away, not for a bug", async () => {
    harness.vendor.fail("deleteKeys", "stuck");
    await expect(revoke()).rejects.toMatchObject({
      code: "REVOCATION_PENDING",
      message: expect.stringContaining("The backend did not answer within 4s."),
    });
    expect(harness.telemetry.some(([kind]) => kind === "backgroundFailed")).toBe(false);
  });

  test("does nothing more for an attempt that lost its claim", async () => {
    harness.vendor.fail("deleteKeys", { after: harness.clock.sleep(10_000) });
    await revoke().catch(() => {});
    await harness.clock.advance(20_000);
    nothingIsLeft();
    expect(harness.leases.events.filter(({ kind }) => kind === "finish")).toHaveLength(1);
  });

  test("retries a lease that was irrevocable as soon as somebody asks", async () => {
    harness.vendor.failAll("deleteUser", "refused");
    await harness.clock.advance(30 * 60_000);
    expect(harness.leases.leases()).toMatchObject([{ state: "irrevocable" }]);
    harness.vendor.heal();
    await revoke();
    nothingIsLeft();
  });

  test("is told by telemetry no lateness of a lease that never lived to its expiry", async () => {
    harness.vendor.fail("createKey", { after: new Promise(() => {}) });
    server.call("read", { path: "scripted/creds/deploy", data: {} }).catch(() => {});
    await harness.clock.advance(harness.settings.issueGraceMs + 1000);
    expect(harness.telemetry).toContainEqual(["revoked", "scripted", undefined]);
  });

  test("is told by telemetry how late a lease ended, and only where it came due", async () => {
    harness.vendor.fail("deleteKeys", "unavailable");
    await harness.clock.advance(70_000);
    const revoked = harness.telemetry.filter(([kind]) => kind === "revoked");
    expect(revoked).toHaveLength(1);
    expect(revoked[0]?.[2]).toBeGreaterThan(500);
    expect(revoked[0]?.[2]).toBeLessThan(2000);
  });
});
