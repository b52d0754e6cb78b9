import { describe, expect, test } from "vitest";
import type { EngineSettings } from "../../src/core/engine-settings.ts";
import type { SecretReply } from "../../src/core/requests.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

interface World {
  readonly harness: CoreHarness;
  readonly server: TestServer;
}

/** What a server does when it dies: `prepare` happens before, unharmed. */
interface Scenario {
  readonly settings?: Partial<EngineSettings>;
  readonly prepare: (world: World) => Promise<void>;
  /** Its answer may never come. */
  readonly act: (world: World) => Promise<unknown>;
  /** How long the world waits for the next server, and what holds from then on. */
  readonly isWellAfterMs: number;
  readonly check?: (world: World, next: TestServer) => Promise<void>;
}

const path = "scripted/creds/deploy";
const issue = ({ server }: World) => server.call("read", { path, data: {} });
const repeatable = { path, data: { ttl: "1m" }, idempotencyKey: "job-1" };
const issueByKey = ({ server }: World) => server.call("read", repeatable);
const leaseId = ({ harness }: World) => harness.leases.leases()[0]?.id ?? "";

async function createWorld(scenario: Scenario): Promise<World> {
  const harness = createCoreHarness(scenario.settings);
  const server = await harness.start();
  const world = { harness, server };
  await server.mount();
  await scenario.prepare(world);
  return world;
}

/** Lets the server act, and the clock run for as long as that can take. */
async function act(scenario: Scenario, world: World): Promise<void> {
  void scenario.act(world).catch(() => {});
  await world.harness.clock.advance(5000);
}

/** Kills the server before and after each of its changing calls, one world each, and lets another server follow. */
async function dieEverywhere(scenario: Scenario): Promise<number> {
  const rehearsal = await createWorld(scenario);
  const first = rehearsal.server.plug.calls.length;
  await act(scenario, rehearsal);
  const calls = rehearsal.server.plug.calls.slice(first);
  await rehearsal.harness.stop();
  for (const [at, call] of calls.entries()) {
    for (const when of ["before", "after"] as const) {
      const story = `died ${when} call ${at + 1} of ${calls.length}, ${call}`;
      const world = await createWorld(scenario);
      const { harness, server } = world;
      server.plug.pullAt(first + at, when);
      await act(scenario, world);
      expect(server.plug.isPulled, story).toBe(true);
      const next = await harness.start();
      await harness.clock.advance(scenario.isWellAfterMs);
      if (scenario.check) {
        await scenario.check(world, next);
      } else {
        expect(harness.vendor.alive(), story).toEqual([]);
        expect(
          harness.leases.leases().map(({ id }) => id),
          story,
        ).toEqual([]);
      }
      await harness.stop();
    }
  }
  return calls.length;
}

describe("a server that dies", () => {
  test("while it issues leaves nothing alive", async () => {
    const calls = await dieEverywhere({
      prepare: async () => {},
      act: issue,
      isWellAfterMs: 65_000,
    });
    expect(calls).toBe(4);
  });

  test("before its lease was active leaves nothing alive after the grace", async () => {
    for (const [call, when] of [
      [0, "after"],
      [1, "after"],
      [2, "after"],
      [3, "before"],
    ] as const) {
      const harness = createCoreHarness();
      const server = await harness.start();
      await server.mount();
      server.plug.pullAt(server.plug.calls.length + call, when);
      void issue({ harness, server });
      await harness.clock.advance(0);
      await harness.start();
      await harness.clock.advance(harness.settings.issueGraceMs + 2000);
      expect(harness.vendor.alive()).toEqual([]);
      expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
      await harness.stop();
    }
  });

  test("while it cleans up after a failed issue leaves nothing alive", async () => {
    await dieEverywhere({
      prepare: async ({ harness }) => harness.vendor.fail("createKey", "lost reply"),
      act: issue,
      isWellAfterMs: 40_000,
    });
  });

  test("while it drops a lease of which nothing was made leaves no lease", async () => {
    await dieEverywhere({
      prepare: async ({ harness }) => harness.vendor.fail("createUser", "refused"),
      act: issue,
      isWellAfterMs: 40_000,
    });
  });

  test("while it revokes on request leaves nothing alive", async () => {
    const calls = await dieEverywhere({
      prepare: async (world) => void (await issue(world)),
      act: (world) => world.server.call("revokeLease", { leaseId: leaseId(world) }),
      // Where not even the claim was stored, nobody was promised anything: the lease ends at its expiry.
      isWellAfterMs: 65_000,
    });
    expect(calls).toBe(5);
  });

  test("while it revokes with a vendor that fails in between leaves nothing alive", async () => {
    await dieEverywhere({
      prepare: async (world) => {
        await issue(world);
        world.harness.vendor.fail("deleteKeys", "lost reply");
        world.harness.vendor.fail("deleteUser", "unavailable");
      },
      act: (world) => world.server.call("revokeLease", { leaseId: leaseId(world) }),
      isWellAfterMs: 65_000,
    });
  });

  test("while it expires a lease leaves nothing alive", async () => {
    await dieEverywhere({
      prepare: async (world) => {
        await issue(world);
        await world.harness.clock.advance(59_000);
      },
      act: async () => {},
      isWellAfterMs: 20_000,
    });
  });

  test("while more is due than it has places for leaves nothing alive", async () => {
    await dieEverywhere({
      settings: { laneConcurrency: 2 },
      prepare: async (world) => {
        for (let at = 0; at < 4; at++) await issue(world);
        await world.harness.clock.advance(59_000);
      },
      act: async () => {},
      isWellAfterMs: 30_000,
    });
  });

  test("while it makes a secret anew leaves nothing alive", async () => {
    const calls = await dieEverywhere({
      prepare: async (world) => void (await issueByKey(world)),
      act: issueByKey,
      // Before its lease was taken back, nothing has changed: it ends at its expiry.
      isWellAfterMs: 65_000,
    });
    expect(calls).toBe(5);
  });

  test("while it makes a secret anew with a vendor that fails in between leaves nothing alive", async () => {
    await dieEverywhere({
      prepare: async (world) => {
        await issueByKey(world);
        world.harness.vendor.fail("createKey", "lost reply");
      },
      act: issueByKey,
      isWellAfterMs: 65_000,
    });
  });

  test.each([0, 1])(
    "while it answers a request that was answered %i times before leaves its client one user and one key that works",
    async (answered) => {
      await dieEverywhere({
        prepare: async (world) => {
          for (let at = 0; at < answered; at++) await issueByKey(world);
        },
        act: issueByKey,
        isWellAfterMs: 0,
        async check({ harness }, next) {
          let reply: SecretReply | undefined;
          for (let tries = 0; tries < 20 && reply === undefined; tries++) {
            reply = await next.ask("read", repeatable).catch(() => undefined);
            if (reply === undefined) await harness.clock.advance(2000);
          }
          expect(harness.vendor.alive()).toHaveLength(1);
          const [user] = harness.vendor.users.values();
          expect([...(user?.keys.keys() ?? [])]).toEqual([reply?.data?.["access_key"]]);
          expect(harness.leases.leases()).toMatchObject([{ id: reply?.lease?.id, state: "active" }]);
        },
      });
    },
  );

  test("while it forgets a lease leaves it forgotten, or still being revoked", async () => {
    await dieEverywhere({
      prepare: async (world) => {
        await issue(world);
        world.harness.vendor.failAll("deleteUser", "refused");
        await world.server.call("revokeLease", { leaseId: leaseId(world) }).catch(() => {});
      },
      act: (world) => world.server.call("forgetLease", { leaseId: leaseId(world), isForced: true }),
      isWellAfterMs: 0,
      async check({ harness }) {
        harness.vendor.heal();
        await harness.clock.advance(60_000);
        expect(harness.leases.leases().map(({ id }) => id)).toEqual([]);
        const isForgotten = harness.leases.events.some(({ kind }) => kind === "forget");
        expect(harness.vendor.alive()).toHaveLength(isForgotten ? 1 : 0);
      },
    });
  });

  test("while it revokes all under a prefix leaves nothing alive", async () => {
    await dieEverywhere({
      prepare: async (world) => {
        for (let at = 0; at < 2; at++) await issue(world);
      },
      act: ({ server }) => server.call("revokePrefix", { prefix: "scripted" }),
      isWellAfterMs: 65_000,
    });
  });

  test("while it unmounts leaves nothing alive, and the mount goes, long before its leases expire", async () => {
    await dieEverywhere({
      prepare: async (world) => {
        await world.server.call("read", { path, data: { ttl: "5m" } });
        await world.server.call("write", { path: "scripted/roles/r", data: { note: "n" } });
      },
      act: ({ server }) => server.call("unmount", { path: "scripted" }),
      isWellAfterMs: 30_000,
      async check({ harness }, next) {
        const mounts = await next.call("listMounts", {});
        // Where not even the first write was stored, nobody was promised anything.
        if (mounts[0]?.state === "mounted") return;
        expect(mounts).toEqual([]);
        expect(harness.vendor.alive()).toEqual([]);
        const left = [...harness.storage.values().keys()];
        // But for the note that the mount went on purpose.
        expect(left.filter((place) => place !== "operator")).toEqual([]);
      },
    });
  });

  test.each([120_000, 20_000])(
    "while it renews to %i ms leaves a vendor's expiry that is never the earlier one",
    async (incrementMs) => {
      await dieEverywhere({
        prepare: async (world) => void (await issue(world)),
        act: (world) => world.server.call("renewLease", { leaseId: leaseId(world), incrementMs }),
        isWellAfterMs: 0,
        async check({ harness }) {
          const [lease] = harness.leases.leases();
          const [user] = harness.vendor.users.values();
          expect(user?.expiresAtMs).toBeGreaterThanOrEqual(lease?.expiresAtMs ?? Number.NaN);
        },
      });
    },
  );
});
