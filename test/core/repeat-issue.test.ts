import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CoreError } from "../../src/core/errors.ts";
import type { ClaimOutcome } from "../../src/core/lease-store.ts";
import type { RequestContext } from "../../src/core/requests.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

const path = "scripted/creds/deploy";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

const read = (idempotencyKey = "job-1", of = path, context: Partial<RequestContext> = {}) =>
  server.ask("read", { path: of, data: {}, idempotencyKey }, context);
const keys = () => [...harness.vendor.users.values()].flatMap((user) => [...user.keys.keys()]);
const callsSince = (from: number) => harness.vendor.calls.slice(from).map(({ call }) => call);
const revokeAll = () => server.ask("revokePrefix", { prefix: "scripted" });

describe("an issue that is repeated with its idempotency key", () => {
  test("answers with the same lease and user, and a fresh secret in place of the earlier one", async () => {
    const first = await read();
    const calls = harness.vendor.calls.length;
    const second = await read();
    expect(second.lease).toEqual({
      ...first.lease,
      handle: second.lease?.handle,
      reissuedAtMs: harness.clock.nowMs(),
    });
    expect(callsSince(calls)).toEqual(["deleteKeys", "createKey"]);
    expect(harness.vendor.alive()).toHaveLength(1);
    expect(keys()).toEqual([second.data?.["access_key"]]);
    expect(second.data?.["access_key"]).not.toBe(first.data?.["access_key"]);
    expect(second.warnings).toEqual([
      "The idempotency key was used before: this is a fresh secret for the same lease, and the earlier one no longer works.",
    ]);
    expect(harness.leases.leases()).toMatchObject([
      { state: "active", expiresAtMs: first.lease?.expiresAtMs },
    ]);
  });

  test("is a new issue for another key, path or empty key, and for one of ten minutes ago", async () => {
    const first = await server.ask("read", { path, data: { ttl: "5m" }, idempotencyKey: "job-1" });
    const others = [
      await read("job-2"),
      await read("job-1", "scripted/creds/other"),
      await read(""),
      await read(""),
    ];
    expect(new Set([first, ...others].map(({ lease }) => lease?.id)).size).toBe(5);
    for (let minutes = 0; minutes < 10; minutes += 4) {
      await server
        .call("renewLease", { leaseId: first.lease?.id ?? "", incrementMs: 290_000 })
        .catch(() => {});
      await harness.clock.advance(4 * 60_000);
    }
    expect((await read()).lease?.id).not.toBe(first.lease?.id);
  });

  test("keeps its secret although the first request, which got no answer, is given up only afterwards", async () => {
    const { claim } = harness.leases;
    const outcomesOfGivingUp = new Set<ClaimOutcome["kind"]>();
    let isCutOff = true;
    harness.leases.claim = async (...args) => {
      // However often it is tried: what gets through before the repetition ends the lease, and nothing is reopened.
      if (isCutOff) throw new CoreError("STORAGE_UNAVAILABLE", "Claims are cut off.");
      const outcomes = await claim(...args);
      for (const { kind } of outcomes) outcomesOfGivingUp.add(kind);
      return outcomes;
    };
    harness.leases.breakNext("activate", "after", 1);
    await expect(read()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    const [first] = harness.leases.leases();
    const second = await read();
    expect(second.lease?.id).toBe(first?.id);
    isCutOff = false;
    await harness.clock.advance(20_000);
    expect([...outcomesOfGivingUp]).toEqual(["changed"]);
    expect(harness.leases.leases()).toMatchObject([{ id: first?.id, state: "active" }]);
    expect(keys()).toEqual([second.data?.["access_key"]]);
  });

  test("is not told a secret that a repetition has replaced while the storage's answer was on its way", async () => {
    const { activate } = harness.leases;
    let second: Promise<unknown> | undefined;
    harness.leases.activate = async (...args) => {
      harness.leases.activate = activate;
      const outcome = await activate(...args);
      second = server.call("read", { path, data: {}, idempotencyKey: "job-1" });
      await second;
      await harness.clock.sleep(1500);
      return outcome;
    };
    await expect(read()).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    await second;
    await harness.clock.advance(20_000);
    expect(harness.leases.leases()).toMatchObject([{ state: "active" }]);
    expect(keys()).toHaveLength(1);
  });

  test("stores nothing that shows the key", async () => {
    const seen: unknown[] = [];
    const { begin } = harness.leases;
    harness.leases.begin = async (lease) => {
      seen.push(lease.idempotency);
      return begin(lease);
    };
    await read("a-key-that-says-much");
    expect(seen).toEqual([{ key: expect.stringMatching(/^[\w-]{43}$/), memoryMs: 600_000 }]);
  });

  test("keeps the expiry that a renewal has moved, and revokes the fresh secret at it", async () => {
    const first = await read();
    const leaseId = first.lease?.id ?? "";
    const renewed = await server.ask("renewLease", { leaseId, incrementMs: 120_000 });
    const second = await read();
    expect(second.lease?.expiresAtMs).toBe(renewed.lease.expiresAtMs);
    await harness.clock.advance(119_990);
    expect(keys()).toHaveLength(1);
    await harness.clock.advance(20);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("can be repeated again and again, and its lease renewed and revoked after it", async () => {
    await read();
    await read();
    const third = await read();
    const leaseId = third.lease?.id ?? "";
    await server.ask("renewLease", { leaseId, incrementMs: 90_000 });
    await server.ask("revokeLease", { leaseId });
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("makes a new lease where the first one failed and was cleaned up", async () => {
    harness.vendor.fail("createKey", "refused");
    await expect(read()).rejects.toMatchObject({ code: "BACKEND_REFUSED" });
    const { lease, warnings } = await read();
    expect(warnings).toEqual([]);
    expect(harness.leases.leases()).toMatchObject([{ id: lease?.id, state: "active" }]);
    expect((await read()).lease?.id).toBe(lease?.id);
  });

  test("makes a new lease where the first one was revoked since, and only one for two who ask", async () => {
    await read();
    await revokeAll();
    const outcomes = await Promise.allSettled([read(), read()]);
    expect(harness.vendor.alive()).toHaveLength(1);
    expect(outcomes.some(({ status }) => status === "fulfilled")).toBe(true);
  });

  test("is told of a lease that is still being revoked", async () => {
    const { lease } = await read();
    harness.vendor.failAll("deleteUser", "unavailable");
    await server.ask("revokeLease", { leaseId: lease?.id ?? "" }).catch(() => {});
    await expect(read()).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
      message: `The idempotency key has been used for lease "${lease?.id}", which is being revoked. Try again once it is gone, or use another key.`,
      details: { lease_id: lease?.id },
    });
  });

  test("is told of another call that is still making the secret, for the first time or anew", async () => {
    for (const at of [0, 1]) {
      harness.vendor.fail("createKey", { after: harness.clock.sleep(2000) });
      const slow = server.call("read", { path, data: {}, idempotencyKey: "job-1" });
      await harness.clock.advance(at);
      await expect(server.call("read", { path, data: {}, idempotencyKey: "job-1" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
        message: expect.stringContaining("Try again in a moment."),
      });
      await harness.clock.advance(2000);
      expect(keys()).toEqual([(await slow).data?.["access_key"]]);
    }
  });

  test("ends at once the lease of an issuer that must have died, and makes a new one", async () => {
    const { plug } = server;
    harness.vendor.onCall((call) => void (call === "createKey" && plug.pull()));
    void server.call("read", { path, data: {}, idempotencyKey: "job-1" });
    await harness.clock.advance(0);
    server = await harness.start();
    await expect(read()).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    await harness.clock.advance(harness.settings.issueDeadlineMs);
    expect(harness.settings.issueDeadlineMs).toBeLessThan(harness.settings.issueGraceMs);
    const { lease } = await read();
    expect(harness.leases.leases()).toMatchObject([{ id: lease?.id, state: "active" }]);
    expect(harness.vendor.alive()).toHaveLength(1);
  });

  test("ends the lease where making the secret anew fails, and the next repetition makes a new one", async () => {
    const { lease } = await read();
    harness.vendor.fail("createKey", "refused");
    await expect(read()).rejects.toMatchObject({ code: "BACKEND_REFUSED" });
    expect(harness.vendor.alive()).toEqual([]);
    const next = await read();
    expect(next.lease?.id).not.toBe(lease?.id);
    expect(harness.vendor.alive()).toHaveLength(1);
  });

  test("ends the lease where the caller hangs up meanwhile", async () => {
    await read();
    const caller = new AbortController();
    const hungUp = new CoreError("CANCELLED", "The caller hung up.");
    harness.vendor.onCall((call) => void (call === "deleteKeys" && caller.abort(hungUp)));
    await expect(read("job-1", path, { signal: caller.signal })).rejects.toBe(hungUp);
    expect(harness.vendor.calls.filter(({ call }) => call === "createKey")).toHaveLength(1);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("ends the lease where the caller hangs up while it is taken back, and touches no key before", async () => {
    await read();
    const caller = new AbortController();
    const hungUp = new CoreError("CANCELLED", "The caller hung up.");
    const { reopen } = harness.leases;
    harness.leases.reopen = async (...args) => {
      caller.abort(hungUp);
      return reopen(...args);
    };
    await expect(read("job-1", path, { signal: caller.signal })).rejects.toBe(hungUp);
    expect(harness.vendor.alive()).toEqual([]);
    expect(harness.leases.leases()).toEqual([]);
  });

  test.each([120_000, 20_000])(
    "keeps the expiry of a renewal to %i ms that comes in between",
    async (incrementMs) => {
      const first = await read();
      const leaseId = first.lease?.id ?? "";
      const { reopen } = harness.leases;
      harness.leases.reopen = async (...args) => {
        await server.call("renewLease", { leaseId, incrementMs });
        return reopen(...args);
      };
      const second = await read();
      expect(second.lease).toMatchObject({ id: leaseId, ttlLeftMs: incrementMs });
      expect(harness.leases.leases()).toMatchObject([
        { state: "active", expiresAtMs: second.lease?.expiresAtMs },
      ]);
    },
  );

  test("is told of a revocation that comes in between", async () => {
    const first = await read();
    const { reopen } = harness.leases;
    harness.leases.reopen = async (...args) => {
      harness.leases.reopen = reopen;
      await server.call("revokeLease", { leaseId: first.lease?.id ?? "" });
      return reopen(...args);
    };
    expect((await read()).lease?.id).not.toBe(first.lease?.id);
    expect(harness.vendor.alive()).toHaveLength(1);
  });

  test.each(["before", "after"] as const)("ends the lease where activate breaks (%s)", async (when) => {
    await read();
    harness.leases.breakNext("activate", when);
    await expect(read()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(harness.vendor.alive()).toEqual([]);
  });

  test.each(["before", "after"] as const)(
    "leaves a lease that ends where reopen breaks (%s)",
    async (when) => {
      await read();
      harness.leases.breakNext("reopen", when);
      await expect(read()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
      await harness.clock.advance(65_000);
      expect(harness.vendor.alive()).toEqual([]);
    },
  );

  test("does not let a revocation right after it believe that the user is gone, for having been issued long ago", async () => {
    await server.ask("read", { path, data: { ttl: "5m" }, idempotencyKey: "job-1" });
    await harness.clock.advance(60_000);
    const seen: number[] = [];
    const repeatedAtMs = harness.clock.nowMs();
    const { vendor } = harness;
    const { deleteUser } = vendor;
    await server.ask("read", { path, data: {}, idempotencyKey: "job-1" });
    vendor.deleteUser = async (user, signal) => {
      seen.push(harness.clock.nowMs());
      // As a vendor does that has not heard of it yet.
      if (seen.length === 1) return false;
      return deleteUser(user, signal);
    };
    await revokeAll();
    expect(seen[0]).toBeGreaterThanOrEqual(repeatedAtMs);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("refuses where the secret cannot be made anew", async () => {
    const { lease } = await read("job-1", "scripted/brief/x");
    await expect(read("job-1", "scripted/brief/x")).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
      message: `The idempotency key has been used for lease "${lease?.id}", whose secret cannot be made anew. Revoke it where its secret is lost, and use another key.`,
    });
  });

  test("refuses a key on a path that issues nothing, and one that is too long, before anything is issued", async () => {
    await expect(read("job-1", "scripted/roles/deploy")).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message:
        'Field "idempotency_key" is for paths that issue a secret, and "scripted/roles/deploy" does not. Leave it out.',
    });
    await expect(read("x".repeat(257))).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "idempotency_key" },
    });
    expect(harness.leases.events).toEqual([]);
    await read("x".repeat(256));
  });
});
