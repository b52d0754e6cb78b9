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

const renew = (incrementMs?: number, leaseId = lease.id) =>
  server.ask("renewLease", { leaseId, incrementMs });
const storedExpiry = () => harness.leases.leases()[0]?.expiresAtMs;
const vendorExpiry = () => [...harness.vendor.users.values()][0]?.expiresAtMs;

describe("renew()", () => {
  test("grants the first TTL again where no increment is given", async () => {
    await harness.clock.advance(20_000);
    const renewed = await renew();
    expect(renewed).toMatchObject({ warnings: [], lease: { ttlLeftMs: 60_000 } });
    expect(storedExpiry()).toBe(lease.issuedAtMs + 80_000);
    expect(vendorExpiry()).toBe(lease.issuedAtMs + 80_000);
  });

  test("tells the vendor first when the lease gets longer", async () => {
    await renew(120_000);
    expect(server.plug.calls.slice(-2)).toEqual(["moveExpiry", "renew"]);
  });

  test("tells the vendor last when the lease gets shorter", async () => {
    const shorter = await renew(10_000);
    expect(shorter.lease.ttlLeftMs).toBe(10_000);
    expect(server.plug.calls.slice(-3)).toEqual(["renew", "moveExpiry", "renew"]);
    await harness.clock.advance(10_010);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test.each([120_000, 10_000])("stores what the handle is after a renewal to %i ms", async (incrementMs) => {
    const { lease: renewed } = await renew(incrementMs);
    const looked = await server.call("lookupLease", { leaseId: lease.id });
    expect(looked).toMatchObject({
      expiresAtMs: renewed.expiresAtMs,
      handle: { renewedToMs: renewed.expiresAtMs },
    });
  });

  test("leaves the lease as it was where the vendor cannot be told", async () => {
    harness.vendor.fail("moveExpiry", "unavailable");
    await expect(renew(120_000)).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    expect(storedExpiry()).toBe(lease.expiresAtMs);
  });

  test("shortens the lease even where the vendor cannot be told, with a warning", async () => {
    harness.vendor.fail("moveExpiry", "unavailable");
    const shorter = await renew(10_000);
    expect(shorter.warnings).toEqual([
      "The lease is shorter now, but the backend could not be told: The vendor did not answer moveExpiry.",
    ]);
    expect(storedExpiry()).toBe(lease.issuedAtMs + 10_000);
  });

  test("stops at the max TTL, with a warning, however often it is asked", async () => {
    for (const _ of [1, 2]) {
      const renewed = await renew(3_600_000);
      expect(renewed.lease.expiresAtMs).toBe(lease.issuedAtMs + 300_000);
      expect(renewed.warnings).toEqual([
        "The lease reaches its max TTL at 2026-01-01T00:05:00.000Z: it has 5m left, and no renewal goes past that.",
      ]);
    }
  });

  test.each([0, 999, -5000])("refuses an increment of %i ms", async (incrementMs) => {
    await expect(renew(incrementMs)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "increment" },
    });
    expect(storedExpiry()).toBe(lease.expiresAtMs);
  });

  test("refuses a lease past its expiry that nobody has revoked yet", async () => {
    await harness.stop();
    await harness.clock.advance(60_000);
    server = await harness.start({ isStarted: false });
    await expect(renew()).rejects.toMatchObject({
      code: "LEASE_ENDED",
      message: `Cannot renew lease "${lease.id}": it expired at 2026-01-01T00:01:00.000Z. Ask for a new secret.`,
    });
    expect(harness.vendor.calls.some(({ call }) => call === "moveExpiry")).toBe(false);
  });

  test("refuses a lease that is being revoked", async () => {
    harness.vendor.failAll("deleteKeys", "unavailable");
    await server.ask("revokeLease", { leaseId: lease.id }).catch(() => {});
    await expect(renew()).rejects.toMatchObject({ code: "LEASE_ENDED", details: { state: "revoking" } });
  });

  test("refuses a lease whose secret type cannot be renewed", async () => {
    const brief = await server.issue("scripted/brief/x");
    await expect(renew(undefined, brief.lease.id)).rejects.toMatchObject({
      code: "UNSUPPORTED_OPERATION",
      message: expect.stringMatching(/^unsupported operation: /),
    });
  });

  test.each(["nothing", "scripted/creds/deploy/no-such", "other/creds/x/y", ""])(
    "knows no lease %j",
    async (leaseId) => {
      await expect(renew(undefined, leaseId)).rejects.toMatchObject({ code: "NO_SUCH_LEASE" });
    },
  );
});
