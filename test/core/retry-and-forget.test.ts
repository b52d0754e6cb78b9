import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LeaseView } from "../../src/core/requests.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;
let lease: LeaseView;
let user: string;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
  ({ lease } = await server.issue());
  user = `user-${lease.id.split("/").at(-1)}`;
});
afterEach(() => harness.stop());

const retry = (leaseId = lease.id) => server.ask("retryLease", { leaseId });
const forget = (isForced = true, leaseId = lease.id) => server.ask("forgetLease", { leaseId, isForced });
const revoke = () => server.ask("revokeLease", { leaseId: lease.id });

/** Lets the vendor refuse until a person has to look. */
async function makeIrrevocable(): Promise<void> {
  harness.vendor.failAll("deleteUser", "refused");
  await harness.clock.advance(30 * 60_000);
  expect(harness.leases.leases()).toMatchObject([{ state: "irrevocable" }]);
}

describe("retry()", () => {
  test("attempts at once to revoke what would be tried within the hour", async () => {
    await makeIrrevocable();
    harness.vendor.heal();
    expect(await server.call("retryLease", { leaseId: lease.id })).toEqual({ warnings: [] });
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("says why it failed again, and leaves the lease irrevocable, with the next attempt when it was", async () => {
    await makeIrrevocable();
    const [{ dueAtMs } = { dueAtMs: 0 }] = harness.leases.leases();
    await expect(retry()).rejects.toMatchObject({
      code: "REVOCATION_PENDING",
      message: expect.stringContaining("The vendor refused deleteUser."),
    });
    expect(harness.leases.leases()).toMatchObject([{ state: "irrevocable", attempts: 12, dueAtMs }]);
  });

  test("refuses a lease that is not being revoked, and leaves it alone", async () => {
    await expect(retry()).rejects.toMatchObject({
      code: "LEASE_ACTIVE",
      message: `Lease "${lease.id}" is active, and not being revoked. Revoke it first.`,
      details: { lease_id: lease.id, state: "active" },
    });
    expect(harness.vendor.alive()).toHaveLength(1);
  });

  test("succeeds for a lease that has ended by itself, and knows no other", async () => {
    await revoke();
    expect(await retry()).toEqual({ warnings: [] });
    await expect(retry(`${lease.path}/typo`)).rejects.toMatchObject({ code: "NO_SUCH_LEASE" });
  });
});

describe("an irrevocable lease", () => {
  const failures = () =>
    harness.telemetry.filter(([kind]) => kind === "revocationFailed").map(([, told]) => told);

  test("is told as one once, and not again with each hourly attempt", async () => {
    await makeIrrevocable();
    await harness.clock.advance(3 * 3_600_000);
    const marked = failures().filter((told) => (told as { isIrrevocable: boolean }).isIrrevocable);
    expect(marked.length).toBeGreaterThan(2);
    expect(marked.map((told) => (told as { wasIrrevocable: boolean }).wasIrrevocable)).toEqual([
      false,
      ...Array(marked.length - 1).fill(true),
    ]);
  });

  test("stays one through an outage of the vendor, and ends soon after it", async () => {
    await makeIrrevocable();
    harness.vendor.failAll("deleteUser", "unavailable");
    await harness.clock.advance(80 * 60_000);
    expect(harness.leases.leases()).toMatchObject([{ state: "irrevocable" }]);
    harness.vendor.heal();
    await harness.clock.advance(20_000);
    expect(harness.vendor.alive()).toEqual([]);
  });
});

describe("forget()", () => {
  test("says what it would leave behind, and does nothing without force", async () => {
    await makeIrrevocable();
    await expect(forget(false)).rejects.toMatchObject({
      code: "NEEDS_FORCE",
      message: expect.stringContaining(`leaves behind: User "${user}", without its keys.`),
      details: { lease_id: lease.id, left_behind: `User "${user}", without its keys.` },
    });
    expect(harness.leases.leases()).toHaveLength(1);
  });

  test("drops the record with force, and says what it leaves behind", async () => {
    await makeIrrevocable();
    expect(await forget()).toEqual({ leftBehind: [`User "${user}", without its keys.`] });
    expect(harness.leases.leases()).toEqual([]);
    expect(harness.vendor.alive()).toEqual([user]);
    expect(harness.leases.events.at(-1)?.kind).toBe("forget");
    const calls = harness.vendor.calls.length;
    await harness.clock.advance(80 * 60_000);
    expect(harness.vendor.calls).toHaveLength(calls);
  });

  test("leaves an id that counts as ended, for whoever revokes, retries or forgets it again", async () => {
    await makeIrrevocable();
    await forget();
    expect(await revoke()).toEqual({ warnings: [] });
    expect(await retry()).toEqual({ warnings: [] });
    expect(await forget()).toEqual({ leftBehind: [] });
    expect(await forget(false)).toEqual({ leftBehind: [] });
  });

  test("also drops one that is only being revoked", async () => {
    harness.vendor.failAll("deleteKeys", "unavailable");
    await revoke().catch(() => {});
    expect(await forget()).toEqual({ leftBehind: [`User "${user}".`] });
  });

  test("refuses leases that live, issuing ones too", async () => {
    await expect(forget()).rejects.toMatchObject({ code: "LEASE_ACTIVE", details: { state: "active" } });
    harness.vendor.fail("createKey", { after: harness.clock.sleep(3000) });
    const slow = server.call("read", { path: "scripted/creds/x", data: {} });
    await harness.clock.advance(0);
    const issuing = harness.leases.leases().find(({ state }) => state === "issuing");
    await expect(forget(true, issuing?.id)).rejects.toMatchObject({ code: "LEASE_ACTIVE" });
    await harness.clock.advance(3000);
    expect((await slow).lease?.state).toBe("active");
  });

  test("waits for an attempt that is under way, and finds that it ended the lease", async () => {
    harness.vendor.fail("deleteKeys", { after: harness.clock.sleep(1000) });
    const revoking = revoke();
    await harness.clock.advance(0);
    expect(await forget()).toEqual({ leftBehind: [] });
    await revoking;
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("gives up waiting before the caller's deadline, and forgets nothing then", async () => {
    harness.vendor.fail("deleteKeys", { after: harness.clock.sleep(6000) });
    const revoking = revoke().catch(() => {});
    await harness.clock.advance(0);
    const startedMs = harness.clock.nowMs();
    const context = { deadlineMs: startedMs + 3000 };
    const forgetting = server.ask("forgetLease", { leaseId: lease.id, isForced: true }, context);
    await expect(forgetting).rejects.toMatchObject({ code: "REVOCATION_PENDING" });
    expect(harness.clock.nowMs() - startedMs).toBeLessThanOrEqual(3000);
    await harness.clock.advance(20_000);
    await revoking;
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("drops a record that nobody can open any more, and says that it cannot tell what it stood for", async () => {
    const { expiresAtMs } = lease;
    const sealed = new Uint8Array(60);
    await harness.leases.renew(lease, { expectedExpiresAtMs: expiresAtMs, expiresAtMs, sealed });
    await revoke().catch(() => {});
    expect(await forget()).toEqual({
      leftBehind: [`Whatever lease "${lease.id}" stands for, which its record does not tell.`],
    });
    expect(harness.leases.leases()).toEqual([]);
  });

  test("loses no lease where the store fails between taking and dropping it", async () => {
    harness.vendor.fail("deleteKeys", "unavailable");
    await revoke().catch(() => {});
    harness.leases.breakNext("finish", "before");
    await expect(forget()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await harness.clock.advance(harness.settings.visibilityMs + 5000);
    expect(harness.leases.leases()).toEqual([]);
    expect(harness.vendor.alive()).toEqual([]);
  });
});
