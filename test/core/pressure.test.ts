import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

/** Issues leases that come due together, and waits until right before that. */
async function issue(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await server.issue();
  await harness.clock.advance(59_990);
}
const deletions = () =>
  harness.vendor.calls
    .map(({ call }) => call)
    .filter((call) => call === "deleteKeys" || call === "deleteUser");
const nothingIsLeft = () => {
  expect(harness.vendor.alive()).toEqual([]);
  expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
};

describe("a lane with more due than it has places for", () => {
  test("makes every secret useless before it destroys any user", async () => {
    for (let at = 0; at < 500; at++) await server.issue(undefined, { ttl: `${50_000 + at}ms` });
    await harness.stop();
    await harness.clock.advance(60_000);
    harness.vendor.slow(() => harness.clock.sleep(100));
    await harness.start({ settings: { laneConcurrency: 50 } });
    await harness.clock.advance(10_000);
    expect(deletions().slice(0, 500)).toEqual(Array(500).fill("deleteKeys"));
    expect(deletions().slice(500)).toEqual(Array(500).fill("deleteUser"));
    nothingIsLeft();
  });

  test("shows that a secret is useless, and uses no attempt for what is left", async () => {
    await issue(20);
    harness.vendor.slow(() => harness.clock.sleep(1000));
    await harness.clock.advance(2500);
    const disarmed = harness.leases.leases().filter(({ disarmedAtMs }) => disarmedAtMs !== undefined);
    expect(disarmed).toHaveLength(16);
    const { leases } = await server.call("listLeases", {
      prefix: "",
      pageSize: 0,
      pageToken: "",
      states: [],
    });
    const seen = leases.find(({ id }) => id === disarmed[0]?.id);
    expect(seen).toMatchObject({ state: "revoking", attempts: 0, disarmedAtMs: disarmed[0]?.disarmedAtMs });
  });

  test("disarms each lease once, and goes on to the rest where nobody wakes it", async () => {
    await harness.stop();
    server = await harness.start({ settings: { isTimerOn: false } });
    await issue(30);
    let calls = 0;
    // The last that are disarmed are slow ones, and nothing else is under way by then.
    harness.vendor.slow(() => harness.clock.sleep(calls++ % 10 === 0 ? 3000 : 100));
    await harness.clock.advance(20);
    harness.leases.fireDue();
    await harness.clock.advance(20_000);
    nothingIsLeft();
    expect(deletions().filter((call) => call === "deleteKeys")).toHaveLength(30);
  });

  test("lets no call that hangs delay the leases beside it", async () => {
    await issue(30);
    harness.vendor.fail("deleteKeys", { after: new Promise(() => {}) }, 3);
    await harness.clock.advance(1000);
    expect(harness.vendor.alive()).toHaveLength(3);
  });

  test("tries again what it could not disarm, and counts that as an attempt", async () => {
    await issue(20);
    harness.vendor.fail("deleteKeys", "unavailable", 5);
    await harness.clock.advance(500);
    const [failed] = harness.leases.leases();
    expect(harness.leases.leases()).toHaveLength(5);
    expect(failed).toMatchObject({ attempts: 1, disarmedAtMs: undefined });
    await harness.clock.advance(5000);
    nothingIsLeft();
  });

  test("goes by itself where recording the disarming fails", async () => {
    await issue(20);
    harness.leases.breakNext("disarmed", "before", 4);
    harness.leases.breakNext("disarmed", "after", 4);
    await harness.clock.advance(20_000);
    nothingIsLeft();
  });

  test("revokes all under a prefix in the same order", async () => {
    await issue(40);
    harness.vendor.slow(() => harness.clock.sleep(100));
    await server.ask("revokePrefix", { prefix: "scripted" });
    expect(deletions().slice(0, 40)).toEqual(Array(40).fill("deleteKeys"));
    nothingIsLeft();
  });
});

describe("a lane whose vendor limits the rate of calls", () => {
  test("leaves tidying up for later until what was throttled has been disarmed", async () => {
    await issue(20);
    harness.vendor.fail("deleteKeys", "throttled", 6);
    await harness.clock.advance(60_000);
    const last = deletions().lastIndexOf("deleteKeys");
    // Only those that were not waiting for their turn went whole: of the last few that the lane had places for.
    expect(
      deletions()
        .slice(0, last)
        .filter((call) => call === "deleteUser"),
    ).toEqual([]);
    expect(deletions().filter((call) => call === "deleteKeys")).toHaveLength(26);
    nothingIsLeft();
  });

  test("uses no attempt for a throttle, and ends everything once there is none", async () => {
    await issue(20);
    harness.vendor.failAll("deleteKeys", "throttled");
    await harness.clock.advance(60_000);
    expect(new Set(harness.leases.leases().map(({ attempts }) => attempts))).toEqual(new Set([0]));
    expect(harness.vendor.alive()).toHaveLength(20);
    harness.vendor.heal();
    await harness.clock.advance(5000);
    nothingIsLeft();
  });

  test("does not wait for tidying up where only that is throttled", async () => {
    await issue(20);
    harness.vendor.fail("deleteUser", "throttled", 6);
    await harness.clock.advance(500);
    expect(harness.vendor.alive()).toHaveLength(6);
    await harness.clock.advance(3000);
    nothingIsLeft();
  });
});
