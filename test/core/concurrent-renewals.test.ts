import fc from "fast-check";
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

const renew = (incrementMs: number | undefined) =>
  server.call("renewLease", { leaseId: lease.id, incrementMs });
const storedExpiry = () => harness.leases.leases()[0]?.expiresAtMs ?? 0;
const vendorExpiry = () => [...harness.vendor.users.values()][0]?.expiresAtMs ?? 0;
const replyAfter = (ms: number) => ({ after: harness.clock.sleep(ms) });

describe("renewals of one lease at the same time", () => {
  test("leave the later expiry where the vendor heard of the earlier one last", async () => {
    harness.vendor.fail("moveExpiry", replyAfter(200));
    harness.vendor.fail("moveExpiry", replyAfter(100));
    const [short, long] = [renew(undefined), renew(120_000)];
    await harness.clock.advance(1000);
    expect((await long).lease.expiresAtMs).toBe(lease.issuedAtMs + 120_000);
    expect((await short).lease.expiresAtMs).toBeGreaterThanOrEqual(lease.issuedAtMs + 60_000);
    expect(storedExpiry()).toBe(lease.issuedAtMs + 120_000);
    expect(vendorExpiry()).toBe(storedExpiry());
  });

  test("leave no vendor behind where the one that came last failed", async () => {
    await harness.clock.advance(1000);
    harness.vendor.fail("moveExpiry", replyAfter(200));
    harness.vendor.fail("moveExpiry", replyAfter(100));
    const short = renew(70_000).catch((error: unknown) => error);
    const long = renew(120_000);
    await harness.clock.advance(150);
    await long;
    harness.leases.breakNext("renew", "before");
    await harness.clock.advance(1000);
    expect(await short).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(vendorExpiry()).toBeGreaterThanOrEqual(storedExpiry());
  });

  test("leave no vendor behind where a longer one overtakes a shorter one", async () => {
    harness.vendor.fail("moveExpiry", replyAfter(200));
    const short = renew(10_000);
    await harness.clock.advance(100);
    const long = renew(120_000);
    await harness.clock.advance(1000);
    await Promise.all([short, long]);
    expect(storedExpiry()).toBe(lease.issuedAtMs + 120_100);
    expect(vendorExpiry()).toBe(storedExpiry());
  });

  test.each([
    ["each of which asks the vendor", "scripted/creds/deploy"],
    ["which spare themselves calls", "scripted/thrifty/deploy"],
  ])(
    "whatever they ask for and however their calls overtake one another: the vendor's expiry is not the earlier one of renewals %s",
    async (_, path) => {
      const renewal = fc.record({
        incrementMs: fc.option(
          fc.integer({ min: 5, max: 200 }).map((s) => s * 1000),
          { nil: undefined },
        ),
        startsMs: fc.integer({ min: 0, max: 300 }),
        fault: fc.option(fc.constantFrom("unavailable", "lost reply"), { freq: 6, nil: undefined }),
      });
      const delays = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 30, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(
          fc.array(renewal, { minLength: 2, maxLength: 5 }),
          delays,
          async (renewals, waits) => {
            const world = createCoreHarness();
            const { clock, vendor } = world;
            const one = await world.start();
            await one.mount();
            const issued = await one.issue(path);
            let calls = 0;
            vendor.slow(() => clock.sleep(waits[calls++ % waits.length] ?? 0));
            for (const { fault } of renewals) if (fault) vendor.fail("moveExpiry", fault);
            for (const { incrementMs, startsMs } of renewals) {
              const input = { leaseId: issued.lease.id, incrementMs };
              void clock.sleep(startsMs).then(() => one.call("renewLease", input).catch(() => {}));
            }
            await clock.advance(4900);
            const [user] = vendor.users.values();
            const [stored] = world.leases.leases();
            if (stored?.state === "active")
              expect(user?.expiresAtMs).toBeGreaterThanOrEqual(stored.expiresAtMs);
            vendor.slow(async () => {});
            await world.stop();
          },
        ),
        { numRuns: 150 },
      );
    },
  );

  test("spare themselves no call by what another may have told the vendor since", async () => {
    const { lease: thrifty } = await server.issue("scripted/thrifty/deploy");
    const move = (incrementMs: number) => server.call("renewLease", { leaseId: thrifty.id, incrementMs });
    const user = () => [...harness.vendor.users.values()].at(-1);
    await harness.clock.advance(5000);
    harness.vendor.fail("moveExpiry", replyAfter(200));
    // Shortened and stored; the vendor hears of it late.
    const short = move(20_000);
    await harness.clock.advance(100);
    // Within what the handle says, and beyond what the vendor is about to hear.
    const long = move(58_000);
    await harness.clock.advance(1000);
    await Promise.all([short, long]);
    const stored = harness.leases.leases().find(({ id }) => id === thrifty.id);
    expect(user()?.expiresAtMs).toBeGreaterThanOrEqual(stored?.expiresAtMs ?? 0);
  });

  test("gives up where others keep renewing, and says so", async () => {
    const { renew: store } = harness.leases;
    let others = 0;
    harness.leases.renew = async (ref, change) => {
      const { expiresAtMs } = harness.leases.leases()[0] ?? { expiresAtMs: 0 };
      await store(ref, { expectedExpiresAtMs: expiresAtMs, expiresAtMs: expiresAtMs + 1000 * ++others });
      return store(ref, change);
    };
    await expect(renew(200_000)).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("others renew it at the same time"),
    });
  });
});
