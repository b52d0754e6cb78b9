import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CoreError } from "../../src/core/errors.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";
import type { VendorCall } from "../kit/scripted-vendor.ts";

const path = "scripted/creds/deploy";
const hungUp = new CoreError("CANCELLED", "The caller hung up.");

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

const read = (signal?: AbortSignal) => server.ask("read", { path, data: {} }, signal ? { signal } : {});
const nothingIsLeft = () => {
  expect(harness.vendor.alive()).toEqual([]);
  expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
};

/** Aborts when the vendor gets a call, or the store a transition. */
function hangUpOn(event: VendorCall | "begin" | "activate"): AbortSignal {
  const caller = new AbortController();
  harness.vendor.onCall((call) => void (call === event && caller.abort(hungUp)));
  if (event === "begin" || event === "activate") {
    const begun = harness.leases.events.length;
    const watch = () => {
      if (harness.leases.events.slice(begun).some(({ kind }) => kind === event)) caller.abort(hungUp);
      else queueMicrotask(watch);
    };
    queueMicrotask(watch);
  }
  return caller.signal;
}

describe("issue()", () => {
  test("answers with the secret once its lease is active", async () => {
    const reply = await read();
    expect(reply.data).toMatchObject({ access_key: "KEY0" });
    expect(reply.lease).toMatchObject({
      path,
      state: "active",
      role: "deploy",
      caller: "root",
      isRenewable: true,
      ttlLeftMs: 60_000,
    });
    expect(reply.lease?.id).toMatch(/^scripted\/creds\/deploy\/[0-9a-f-]{36}$/);
    expect(harness.leases.leases()).toMatchObject([{ id: reply.lease?.id, state: "active" }]);
  });

  test("cuts a TTL beyond the maximum, and says so", async () => {
    const reply = await server.ask("read", { path, data: { ttl: "10h" } });
    expect(reply.lease?.ttlLeftMs).toBe(300_000);
    expect(reply.warnings).toEqual(["TTL of 10h is more than the maximum, and was cut to 5m."]);
  });

  test("spreads the expiries of leases issued together, and answers with the TTL that was granted", async () => {
    await harness.stop();
    harness = createCoreHarness({ ttlSpreadShare: 0.02, maxTtlMs: 3_600_000 });
    server = await harness.start();
    await server.mount();
    const issued = await Promise.all(
      Array.from({ length: 50 }, () => server.call("read", { path, data: { ttl: "1h" } })),
    );
    const ttls = issued.map(({ lease }) => lease?.ttlLeftMs ?? 0);
    expect(new Set(ttls).size).toBeGreaterThan(10);
    for (const ttlMs of ttls) expect(ttlMs).toBeGreaterThanOrEqual(3_528_000);
    const maxExpiresAtMs = harness.clock.nowMs() + 3_600_000;
    for (const { lease, warnings } of issued) {
      expect(warnings).toEqual([]);
      expect(lease).toMatchObject({ ttlMs: lease?.ttlLeftMs, maxExpiresAtMs });
    }
    const leaseId = issued[0]?.lease?.id ?? "";
    const renewed = await server.call("renewLease", { leaseId, incrementMs: 3_600_000 });
    expect(renewed.lease.ttlLeftMs).toBe(3_600_000);
  });

  test("refuses a TTL under a second before anything is stored", async () => {
    await expect(server.ask("read", { path, data: { ttl: 0 } })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: 'Field "ttl" must be at least 1s, not 0s.',
    });
    expect(harness.leases.events).toEqual([]);
  });

  test("takes the vendor's own expiry where it is earlier", async () => {
    const { lease } = await server.issue("scripted/brief/x");
    expect(lease).toMatchObject({ ttlLeftMs: 30_000, isRenewable: false });
    expect(harness.leases.leases()).toMatchObject([{ expiresAtMs: lease.issuedAtMs + 30_000 }]);
  });

  test("leaves nothing alive where the caller hung up before it began", async () => {
    await expect(read(AbortSignal.abort(hungUp))).rejects.toBe(hungUp);
    expect(harness.leases.events).toEqual([]);
  });

  test("asks nothing of the vendor where the caller hung up while the lease was stored", async () => {
    await expect(read(hangUpOn("begin"))).rejects.toBe(hungUp);
    expect(harness.vendor.calls).toEqual([]);
    nothingIsLeft();
  });

  test.each(["createUser", "createKey"] as const)(
    "leaves nothing alive where the caller hung up during %s",
    async (call) => {
      await expect(read(hangUpOn(call))).rejects.toBe(hungUp);
      nothingIsLeft();
      expect(harness.vendor.calls.filter((made) => made.call === "createKey")).toHaveLength(
        call === "createUser" ? 0 : 1,
      );
    },
  );

  test("leaves nothing alive where the caller hung up right after the lease became active", async () => {
    await expect(read(hangUpOn("activate"))).rejects.toBe(hungUp);
    nothingIsLeft();
    expect(harness.telemetry.some(([kind]) => kind === "issued")).toBe(false);
  });

  test("asks nothing of the vendor where storing the lease took all the time there is", async () => {
    const { begin } = harness.leases;
    harness.leases.begin = async (lease) => {
      const outcome = await begin(lease);
      await harness.clock.sleep(harness.settings.issueDeadlineMs);
      return outcome;
    };
    await expect(read()).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    expect(harness.vendor.calls).toEqual([]);
    nothingIsLeft();
  });

  test.each(["createUser", "createKey"] as const)(
    "gives up at the deadline where %s does not answer",
    async (call) => {
      harness.vendor.fail(call, "stuck");
      const startedMs = harness.clock.nowMs();
      await expect(read()).rejects.toMatchObject({
        code: "BACKEND_UNAVAILABLE",
        message: "The backend did not make the secret in time. Nothing was kept; try again.",
      });
      expect(harness.clock.nowMs() - startedMs).toBeLessThan(harness.settings.issueDeadlineMs + 3000);
      await harness.clock.advance(harness.settings.issueGraceMs);
      nothingIsLeft();
    },
  );

  test("drops the lease at once where the vendor's refusal makes certain that nothing exists", async () => {
    harness.vendor.fail("createUser", "refused");
    await expect(read()).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: "The vendor refused createUser.",
    });
    expect(harness.leases.events.map(({ kind }) => kind)).toEqual(["begin", "finish"]);
    nothingIsLeft();
  });

  test.each([
    ["refused", "BACKEND_REFUSED"],
    ["unavailable", "BACKEND_UNAVAILABLE"],
    ["lost reply", "BACKEND_UNAVAILABLE"],
  ] as const)("has cleaned up before it answers where the second call is %s", async (fault, code) => {
    harness.vendor.fail("createKey", fault);
    await expect(server.call("read", { path, data: {} })).rejects.toMatchObject({ code });
    nothingIsLeft();
  });

  test("does not wait for a clean-up that takes long", async () => {
    harness.vendor.fail("createKey", "refused");
    harness.vendor.fail("deleteKeys", "stuck");
    const startedMs = harness.clock.nowMs();
    await expect(read()).rejects.toMatchObject({ code: "BACKEND_REFUSED" });
    expect(harness.clock.nowMs() - startedMs).toBe(2000);
    await harness.clock.advance(10_000);
    nothingIsLeft();
  });

  test("revokes what was made where the grace had passed meanwhile", async () => {
    const late = harness.clock.sleep(25_000);
    harness.vendor.fail("createKey", { after: late });
    await expect(read()).rejects.toMatchObject({ code: expect.stringMatching("BACKEND_") });
    await harness.clock.advance(30_000);
    nothingIsLeft();
  });

  test("says that it took too long where the lease was given up by then", async () => {
    await harness.stop();
    server = await harness.start({ isStarted: false });
    harness.vendor.fail("createKey", { after: harness.clock.sleep(25_000) });
    await expect(read()).rejects.toMatchObject({
      code: "BACKEND_UNAVAILABLE",
      message: expect.stringMatching(
        /^Making the secret took so long that its lease "scripted\/.* was given up/,
      ),
    });
    nothingIsLeft();
  });

  test("unmakes what appears after its lease has ended already", async () => {
    const late = harness.clock.sleep(25_000);
    harness.vendor.fail("createUser", { after: late });
    await expect(read()).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
    await harness.clock.advance(5000);
    nothingIsLeft();
  });

  test.each(["before", "after"] as const)(
    "revokes at once where the outcome of activate is not known (%s)",
    async (when) => {
      harness.leases.breakNext("activate", when);
      await expect(server.call("read", { path, data: {} })).rejects.toMatchObject({
        code: "STORAGE_UNAVAILABLE",
      });
      nothingIsLeft();
    },
  );

  test("revokes soon where neither activate nor the claim after it reaches the store", async () => {
    harness.leases.breakNext("activate", "after");
    harness.leases.breakNext("claim", "before", 3);
    await expect(read()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await harness.clock.advance(10_000);
    nothingIsLeft();
  });

  test("revokes where the answer cannot be put together any more", async () => {
    harness.vendor.onCall(
      (call) => void (call === "createKey" && harness.leases.breakNext("nowMs", "before")),
    );
    await expect(read()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await harness.clock.advance(1000);
    nothingIsLeft();
  });

  test("cleans up at the end of the grace where begin lost its reply", async () => {
    harness.leases.breakNext("begin", "after");
    await expect(read()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(harness.leases.leases()).toMatchObject([{ state: "issuing" }]);
    await harness.clock.advance(harness.settings.issueGraceMs + 5000);
    nothingIsLeft();
  });
});
