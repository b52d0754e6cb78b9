import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness } from "../kit/core-harness.ts";

let harness: CoreHarness;

beforeEach(() => {
  harness = createCoreHarness();
});
afterEach(() => harness.stop());

describe("a core", () => {
  test("does not start where the storage is away", async () => {
    const server = await harness.start({ isStarted: false });
    harness.storage.breakNext("readMounts", "before");
    await expect(server.core.start()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("goes on reading the mounts after an outage of the storage", async () => {
    const first = await harness.start();
    const second = await harness.start({ hasEvents: false });
    harness.storage.breakNext("readMounts", "before", 2);
    harness.leases.breakNext("epoch", "before", 2);
    await harness.clock.advance(3000);
    expect(harness.telemetry.filter(([kind]) => kind === "backgroundFailed")).not.toEqual([]);
    await first.mount();
    await first.issue();
    first.plug.pull();
    await harness.clock.advance(62_000);
    expect(second.plug.calls).toContain("finish");
  });

  test("stops at once where nothing is under way, and touches the stores no more", async () => {
    const server = await harness.start();
    await server.mount();
    await server.issue();
    const startedMs = harness.clock.nowMs();
    await harness.clock.advanceUntil(server.core.stop());
    expect(harness.clock.nowMs()).toBe(startedMs);
    const calls = server.plug.calls.length;
    await harness.clock.advance(3_600_000);
    expect(server.plug.calls).toHaveLength(calls);
  });

  test("leaves what it could not clean up to the due set when it stops", async () => {
    const server = await harness.start();
    await server.mount();
    harness.leases.breakNext("activate", "after");
    harness.leases.breakNext("claim", "before", 1000);
    await expect(server.issue()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await harness.clock.advanceUntil(server.core.stop());
    const told = harness.telemetry.length;
    await harness.clock.advance(50_000);
    expect(harness.telemetry).toHaveLength(told);
    expect(harness.leases.leases()).toMatchObject([{ state: "active" }]);
  });

  test("stops in the time of an attempt where a backend never answers", async () => {
    const server = await harness.start();
    await server.mount();
    await server.issue();
    harness.vendor.failAll("deleteKeys", { after: new Promise(() => {}) });
    await harness.clock.advance(60_000);
    const startedMs = harness.clock.nowMs();
    await harness.clock.advanceUntil(server.core.stop());
    expect(harness.clock.nowMs() - startedMs).toBeLessThan(harness.settings.visibilityMs);
    harness.vendor.heal();
  });

  test("leaves no promise unheard in a long life full of failures", async () => {
    const unheard: unknown[] = [];
    const onUnheard = (reason: unknown) => void unheard.push(reason);
    process.on("unhandledRejection", onUnheard);
    const servers = [await harness.start(), await harness.start({ hasEvents: false })] as const;
    await servers[0].mount();
    const calls = [
      "begin",
      "activate",
      "claim",
      "finish",
      "fail",
      "disarmed",
      "peekDue",
      "list",
      "nowMs",
    ] as const;
    for (let round = 0; round < 60; round++) {
      for (const server of servers) {
        server.call("read", { path: "scripted/creds/x", data: { ttl: "5s" } }).catch(() => {});
        if (round % 7 === 0) server.call("revokePrefix", { prefix: "scripted" }).catch(() => {});
      }
      const call = calls[round % calls.length] ?? "claim";
      harness.leases.breakNext(call, round % 2 ? "before" : "after", 3);
      harness.vendor.fail("createKey", round % 3 ? "lost reply" : "refused");
      harness.vendor.fail("deleteKeys", "lost reply");
      harness.vendor.fail("deleteUser", "unavailable");
      await harness.clock.advance(1000);
    }
    harness.vendor.heal();
    await harness.clock.advance(10 * 60_000);
    process.off("unhandledRejection", onUnheard);
    expect(unheard).toEqual([]);
    expect(harness.vendor.alive()).toEqual([]);
    expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
  });
});
