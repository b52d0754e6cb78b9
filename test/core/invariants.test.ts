import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CoreError } from "../../src/core/errors.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

const leaseOf = (id: string) => harness.leases.leases().find((lease) => lease.id === id);

describe("the invariants", () => {
  test("1. record before create: every creating call is preceded by a stored issuing lease", async () => {
    const states: unknown[] = [];
    harness.vendor.onCall(() => states.push(harness.leases.leases().map(({ state }) => state)));
    await server.issue();
    expect(states).toEqual([["issuing"], ["issuing"]]);
    expect(server.plug.calls.indexOf("begin")).toBeLessThan(server.plug.calls.indexOf("createUser"));
  });

  test("1. record before create: nothing is created where the lease cannot be stored", async () => {
    harness.leases.breakNext("begin", "before");
    await expect(server.issue()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(harness.vendor.calls).toEqual([]);
  });

  test("2. every lease ends: one whose vendor refuses for ever is irrevocable, listed, and still tried", async () => {
    const { lease } = await server.issue();
    harness.vendor.failAll("deleteKeys", "refused");
    await harness.clock.advance(30 * 60_000);
    const listed = await server.call("listLeases", {
      prefix: "scripted/",
      pageSize: 0,
      pageToken: "",
      states: ["irrevocable"],
    });
    expect(listed.leases).toMatchObject([{ id: lease.id, lastError: "The vendor refused deleteKeys." }]);

    harness.vendor.heal();
    await harness.clock.advance(80 * 60_000);
    expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("3. the due set decides: a wake-up for a lease that is not due revokes nothing", async () => {
    await server.issue();
    for (let second = 0; second < 50; second++) {
      harness.leases.fireGap();
      await harness.clock.advance(1000);
    }
    expect(harness.vendor.alive()).toHaveLength(1);
  });

  test("3. the notification only wakes: without any, the timer ends the lease", async () => {
    await harness.stop();
    server = await harness.start({ hasEvents: false });
    await server.issue();
    await harness.clock.advance(60_010);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("4. max TTL counts from issue: no row of renewals passes it", async () => {
    const { lease } = await server.issue();
    const maxExpiresAtMs = lease.issuedAtMs + harness.settings.maxTtlMs;
    for (let at = 0; at < 11; at++) {
      await harness.clock.advance(25_000);
      const renewed = await server.call("renewLease", { leaseId: lease.id, incrementMs: 3_600_000 });
      expect(renewed.lease.expiresAtMs).toBeLessThanOrEqual(maxExpiresAtMs);
    }
    await harness.clock.advance(maxExpiresAtMs - harness.clock.nowMs() + 10);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("4. renewing never shortens unless asked to", async () => {
    const { lease } = await server.issue("scripted/creds/deploy", { ttl: "2m" });
    await server.call("renewLease", { leaseId: lease.id, incrementMs: 200_000 });
    const kept = await server.call("renewLease", { leaseId: lease.id, incrementMs: undefined });
    expect(kept.lease.expiresAtMs).toBe(lease.issuedAtMs + 200_000);
    const shorter = await server.call("renewLease", { leaseId: lease.id, incrementMs: 5000 });
    expect(shorter.lease.expiresAtMs).toBe(harness.clock.nowMs() + 5000);
  });

  test("5. revoke is idempotent: an id that ended within 24 hours succeeds again, one never known does not", async () => {
    const { lease } = await server.issue();
    await server.ask("revokeLease", { leaseId: lease.id });
    await server.ask("revokeLease", { leaseId: lease.id });
    await expect(server.call("revokeLease", { leaseId: `${lease.path}/typo` })).rejects.toMatchObject({
      code: "NO_SUCH_LEASE",
    });
    await harness.stop();
    await harness.clock.advance(24 * 3_600_000);
    server = await harness.start();
    await expect(server.call("revokeLease", { leaseId: lease.id })).rejects.toMatchObject({
      code: "NO_SUCH_LEASE",
    });
  });

  test("6. secret material is shown once: no byte of it in any store, error or telemetry", async () => {
    const { lease, secret } = await server.issue();
    await server.call("write", {
      path: "scripted/roles/deploy",
      data: { note: "n", password: "SECRET-of-role" },
    });
    const errors = await Promise.all(
      [
        server.call("write", {
          path: "scripted/roles/deploy",
          data: { note: "n", password: "SECRET-".repeat(9) },
        }),
        server.call("write", {
          path: "scripted/roles/deploy",
          data: { note: "n", password: { a: "SECRET-x" } },
        }),
        server.call("write", { path: "scripted/roles/deploy", data: { SECRET: "SECRET-x", note: "n" } }),
      ].map((attempt) => attempt.catch((error: unknown) => error)),
    );
    const looked = await server.call("lookupLease", { leaseId: lease.id });
    harness.vendor.fail("createKey", "lost reply");
    const refused = await server.issue().catch((error: unknown) => error);
    harness.vendor.fail("deleteKeys", "refused");
    await harness.clock.advance(120_000);

    expect(secret["secret_key"]).toMatch(/^SECRET-0/);
    const stored = [
      ...[...harness.storage.values().values()].map((value) => Buffer.from(value)),
      ...harness.leases.leases().map(({ sealed }) => Buffer.from(sealed)),
    ].map((bytes) => bytes.toString("latin1"));
    const told = [...errors, refused].map((error) =>
      error instanceof CoreError ? `${error.message} ${JSON.stringify(error.details)}` : String(error),
    );
    const seen = [...stored, ...told, JSON.stringify(looked), JSON.stringify(harness.telemetry)];
    for (const text of seen) expect(text.replaceAll('"SECRET"', "")).not.toContain("SECRET-");
  });

  test("7. storage sees ciphertext bound to its key: a record that was swapped opens for nobody", async () => {
    const first = await server.issue();
    const second = await server.issue();
    const swapped = leaseOf(second.lease.id)?.sealed;
    if (!swapped) throw new Error("The second lease is not stored.");
    const { expiresAtMs } = first.lease;
    await harness.leases.renew(first.lease, {
      expectedExpiresAtMs: expiresAtMs,
      expiresAtMs,
      sealed: swapped,
    });

    const looked = await server.call("lookupLease", { leaseId: first.lease.id });
    expect(looked.lastError).toContain("does not open");
    await expect(server.ask("revokeLease", { leaseId: first.lease.id })).rejects.toMatchObject({
      code: "REVOCATION_PENDING",
    });
    expect(harness.vendor.alive()).toHaveLength(2);
    await server.ask("revokeLease", { leaseId: second.lease.id });
    expect(harness.vendor.alive()).toEqual([`user-${first.lease.id.split("/").at(-1)}`]);
  });

  test("8. everything has a limit: an attempt that never answers is left behind before its claim ends", async () => {
    const { lease } = await server.issue();
    harness.vendor.fail("deleteKeys", { after: new Promise(() => {}) });
    const startedMs = harness.clock.nowMs();
    await expect(server.ask("revokeLease", { leaseId: lease.id })).rejects.toMatchObject({
      code: "REVOCATION_PENDING",
    });
    expect(harness.clock.nowMs() - startedMs).toBeLessThan(harness.settings.visibilityMs);
    await harness.clock.advance(2000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("9. never too early: nothing is revoked while its durable expiry lies ahead", async () => {
    const { lease } = await server.issue();
    await harness.clock.advance(59_999);
    expect(harness.vendor.calls.map(({ call }) => call)).toEqual(["createUser", "createKey"]);
    expect(leaseOf(lease.id)?.state).toBe("active");
    await harness.clock.advance(1);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("10. the key dies first: the first changing call of a revocation deletes the key, whatever was tried before", async () => {
    const { lease } = await server.issue();
    harness.vendor.fail("deleteKeys", "unavailable", 2);
    harness.vendor.fail("deleteUser", "lost reply");
    await server.ask("revokeLease", { leaseId: lease.id }).catch(() => {});
    await harness.clock.advance(20_000);
    const calls = harness.vendor.calls.map(({ call }) => call).filter((call) => call.startsWith("delete"));
    const wanted = ["deleteKeys", "deleteKeys", "deleteKeys", "deleteUser", "deleteUser"];
    expect(calls).toEqual(wanted);
    expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
  });
});
