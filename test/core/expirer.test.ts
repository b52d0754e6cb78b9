import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness } from "../kit/core-harness.ts";

let harness: CoreHarness;

beforeEach(() => {
  harness = createCoreHarness();
});
afterEach(() => harness.stop());

const claimed = () => harness.telemetry.filter(([kind]) => kind === "claimed").map(([, source]) => source);

describe("the expirer", () => {
  test("ends a lease by the event alone where the timer is off", async () => {
    const server = await harness.start({ settings: { isTimerOn: false } });
    await server.mount();
    await server.issue();
    await harness.clock.advance(90_000);
    expect(harness.vendor.alive()).toHaveLength(1);
    harness.leases.fireDue();
    await harness.clock.advance(0);
    expect(harness.vendor.alive()).toEqual([]);
    expect(claimed()).toEqual(["event"]);
  });

  test("ends a lease by the timer alone, on time", async () => {
    const server = await harness.start({ hasEvents: false });
    await server.mount();
    await server.issue("scripted/creds/deploy", { ttl: "61500ms" });
    await harness.clock.advance(61_499);
    expect(harness.vendor.alive()).toHaveLength(1);
    await harness.clock.advance(1);
    expect(harness.vendor.alive()).toEqual([]);
    expect(claimed()).toEqual(["timer"]);
  });

  test("ends at its start what came due while no server ran, also with the timer off", async () => {
    const first = await harness.start();
    await first.mount();
    await first.issue();
    await harness.stop();
    await harness.clock.advance(60_000);
    await harness.start({ settings: { isTimerOn: false } });
    await harness.clock.advance(0);
    expect(harness.vendor.alive()).toEqual([]);
    expect(claimed()).toEqual(["start"]);
  });

  test("looks again after a gap in the events", async () => {
    const server = await harness.start({ settings: { isTimerOn: false } });
    await server.mount();
    await server.issue();
    await harness.clock.advance(60_000);
    harness.leases.fireGap();
    await harness.clock.advance(0);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("retries after a failure by the event alone", async () => {
    const server = await harness.start({ settings: { isTimerOn: false } });
    await server.mount();
    await server.issue();
    harness.vendor.fail("deleteKeys", "unavailable");
    for (let second = 0; second < 65; second++) {
      await harness.clock.advance(1000);
      harness.leases.fireDue();
    }
    expect(harness.vendor.alive()).toEqual([]);
  });

  test.each(["peekDue", "claim"] as const)("loses no event to a store whose %s fails", async (call) => {
    const server = await harness.start({ settings: { isTimerOn: false } });
    await server.mount();
    await server.issue();
    await harness.clock.advance(60_000);
    harness.leases.breakNext(call, "before", 2);
    harness.leases.fireDue();
    await harness.clock.advance(3000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("works on no more leases of a mount at once than its limit, and on all in the end", async () => {
    const server = await harness.start({ settings: { isTimerOn: false } });
    await server.mount();
    for (let at = 0; at < 30; at++) await server.issue();
    let underWay = 0;
    let most = 0;
    harness.vendor.slow(async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await harness.clock.sleep(100);
      underWay -= 1;
    });
    await harness.clock.advance(60_000);
    harness.leases.fireDue();
    await harness.clock.advance(2000);
    expect(most).toBe(harness.settings.laneConcurrency);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("does not let a mount whose vendor hangs delay another mount", async () => {
    const server = await harness.start();
    await server.mount("stuck");
    await server.mount("fine");
    for (let at = 0; at < 10; at++) await server.issue("stuck/creds/x", { ttl: "30s" });
    harness.vendor.fail("deleteKeys", { after: new Promise(() => {}) }, harness.settings.laneConcurrency);
    const { lease } = await server.issue("fine/creds/x", { ttl: "31s" });
    await harness.clock.advance(31_000);
    expect(harness.vendor.users.has(`user-${lease.id.split("/").at(-1)}`)).toBe(false);
    expect(harness.vendor.alive()).toHaveLength(10);
    await harness.clock.advance(30_000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("survives an outage of the store during the expiry, and goes on after it", async () => {
    const server = await harness.start();
    await server.mount();
    for (let at = 0; at < 20; at++) await server.issue();
    for (const call of ["peekDue", "claim", "finish", "fail", "disarmed", "nowMs"] as const)
      harness.leases.breakNext(call, "before", 6);
    harness.storage.setAvailable(false);
    await harness.clock.advance(65_000);
    harness.storage.setAvailable(true);
    await harness.clock.advance(2 * harness.settings.visibilityMs + 5000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
  });

  test("pauses where leases can be seen and not claimed: it neither spins nor gives up", async () => {
    const server = await harness.start();
    await server.mount();
    for (let at = 0; at < 20; at++) await server.issue();
    const sent = () => server.plug.calls.filter((call) => call === "claim").length;
    harness.leases.breakNext("claim", "before", 1000);
    await harness.clock.advance(59_999);
    expect(sent()).toBe(0);
    // Four times within 1.75 s, then half a second's pause: ten rounds.
    await harness.clock.advance(10 * 2250);
    const failures = harness.telemetry.filter(([kind]) => kind === "backgroundFailed");
    expect(failures).toHaveLength(10);
    expect(sent()).toBe(10 * 4);
  });

  test("cleans up an issue that never became active, by the same loop", async () => {
    const server = await harness.start();
    await server.mount();
    harness.vendor.fail("createKey", { after: new Promise(() => {}) });
    server.call("read", { path: "scripted/creds/x", data: {} }).catch(() => {});
    await harness.clock.advance(harness.settings.issueGraceMs + 5000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
  });

  test("follows mounts that another server makes", async () => {
    const first = await harness.start();
    const second = await harness.start();
    await first.mount();
    await first.issue();
    first.plug.pull();
    await harness.clock.advance(61_000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(second.plug.calls).toContain("finish");
  });

  test("takes nothing more once it is told to stop, and waits for what is under way", async () => {
    const server = await harness.start();
    await server.mount();
    await server.issue();
    harness.vendor.fail("deleteKeys", { after: harness.clock.sleep(62_000) });
    await harness.clock.advance(60_000);
    await harness.clock.advanceUntil(server.core.stop());
    expect(harness.vendor.alive()).toEqual([]);
  });
});
