import { describe, expect, it } from "vitest";
import { NothingCreated, RetryLater, type SecretIds, type SecretType } from "../../src/core/backend.ts";
import type { JsonObject } from "../../src/core/json.ts";

/** A vendor in which one secret is made and unmade, with faults to order. Calls are counted from 0 since the last `reset`. */
export interface SecretWorld {
  readonly type: SecretType;
  readonly input: unknown;
  readonly ids: SecretIds;
  readonly nowMs: () => number;
  /** Moves the vendor's time, and ours. */
  advance(ms: number): void;
  /** How long after the last creating call the vendor's "no such thing" is not to be believed. */
  readonly consistencyMs: number;
  /** Secrets of the lease that would work now. */
  working(): readonly JsonObject[];
  /** Says whether anything of the lease is left. */
  isEmpty(): boolean;
  /** Number of calls since `reset`. */
  calls(): number;
  /** Ends all faults and counts calls from 0 again. */
  reset(): void;
  /** Loses the reply of a call, after it took effect. */
  loseReply(at: number): void;
  /** Refuses a call because there are too many. */
  throttle(at: number): void;
  /** Sends nothing from a call on, as if the process had died. */
  crash(at: number): void;
}

/** A lease as the lessor keeps it. */
interface Lease {
  handle: JsonObject;
  isDisarmed: boolean;
  readonly createsEndedAtMs: number;
}

/** More calls than any secret type takes to make or unmake a secret. */
const callsMax = 60;
const attemptsMax = 40;
const ttlMs = 3_600_000;

const stored = (handle: JsonObject): JsonObject => JSON.parse(JSON.stringify(handle));

function begin(world: SecretWorld): Lease {
  const handle = stored(world.type.plan(world.input, world.ids));
  return { handle, isDisarmed: false, createsEndedAtMs: world.nowMs() + 30_000 };
}

async function create(world: SecretWorld, lease: Lease): Promise<JsonObject> {
  const created = await world.type.create(lease.handle, {
    input: world.input,
    issuedAtMs: world.nowMs(),
    expiresAtMs: world.nowMs() + ttlMs,
    signal: AbortSignal.timeout(20_000),
  });
  lease.handle = stored(created.handle);
  return created.secret;
}

/** One attempt to revoke, as the revoker makes it. */
async function attempt(world: SecretWorld, lease: Lease): Promise<void> {
  const { type } = world;
  const { signal } = new AbortController();
  const disarmed =
    lease.isDisarmed || !type.disarm ? Promise.resolve() : type.disarm(lease.handle, { signal });
  disarmed.catch(() => {});
  const destroyed = type.destroy(lease.handle, {
    disarmed,
    signal,
    nowMs: world.nowMs(),
    createsEndedAtMs: lease.createsEndedAtMs,
    checkpoint: async (handle) => {
      await disarmed;
      lease.handle = stored(handle);
      lease.isDisarmed = true;
    },
  });
  const [disarming, destroying] = await Promise.allSettled([disarmed, destroyed]);
  if (destroying.status === "fulfilled") return;
  if (type.disarm && disarming.status === "fulfilled") lease.isDisarmed = true;
  throw disarming.status === "rejected" ? disarming.reason : destroying.reason;
}

/** Revokes until it is done; answers how many attempts failed, those that the vendor only needed time for not counted. */
async function revoke(world: SecretWorld, lease: Lease): Promise<number> {
  let failed = 0;
  for (let attempts = 0; attempts < attemptsMax; attempts++) {
    try {
      await attempt(world, lease);
      return failed;
    } catch (error) {
      if (!(error instanceof RetryLater)) failed++;
      world.advance(error instanceof RetryLater ? error.afterMs : 5000);
    }
    // What does not take seconds takes until the vendor has settled; the attempts between would be all the same.
    if (attempts === attemptsMax / 2) world.advance(world.consistencyMs + 30_000);
  }
  throw new Error("The revocation does not end.");
}

/** The contract of a secret type. Each world is used for one test. */
export function secretTypeConformance(name: string, makeWorld: () => Promise<SecretWorld>): void {
  /** Runs a scenario with a fault at every call in turn, until the fault comes after the last one. */
  async function atEveryCall(scenario: (world: SecretWorld, at: number) => Promise<number>): Promise<void> {
    for (let at = 0; at < callsMax; at++) {
      const calls = await scenario(await makeWorld(), at);
      if (at >= calls) return;
    }
    throw new Error(`There were more than ${callsMax} calls.`);
  }

  describe(`the secret type ${name}`, () => {
    it("plans the same handle for the same lease, and another for another", async () => {
      const { type, input, ids } = await makeWorld();
      const handle = type.plan(input, ids);
      expect(type.plan(input, ids)).toEqual(handle);
      expect(stored(handle)).toEqual(handle);
      const other = { ...ids, leaseUuid: "ffffffff-aa8a-4ce7-9dfd-310351c465e5" };
      expect(type.plan(input, other)).not.toEqual(handle);
    });

    it("creates one secret that works, and destroys all of it", async () => {
      const world = await makeWorld();
      const lease = begin(world);
      const secret = await create(world, lease);
      expect(world.working()).toEqual([secret]);
      expect(JSON.stringify(lease.handle)).not.toContain(Object.values(secret).at(-1));
      expect(await revoke(world, lease)).toBe(0);
      expect(world.isEmpty()).toBe(true);
    });

    it("makes the secret useless by disarm() alone", async () => {
      const world = await makeWorld();
      const lease = begin(world);
      await create(world, lease);
      await world.type.disarm?.(lease.handle, { signal: new AbortController().signal });
      if (world.type.disarm) expect(world.working()).toEqual([]);
      lease.isDisarmed = true;
      await revoke(world, lease);
      expect(world.isEmpty()).toBe(true);
    });

    it("revokes once more what is already gone", async () => {
      const world = await makeWorld();
      const lease = begin(world);
      await create(world, lease);
      const before = { ...lease };
      await revoke(world, lease);
      expect(await revoke(world, before)).toBe(0);
      expect(world.isEmpty()).toBe(true);
    });

    it("revokes what was planned and never made", async () => {
      const world = await makeWorld();
      expect(await revoke(world, begin(world))).toBe(0);
      expect(world.isEmpty()).toBe(true);
    });

    it("leaves nothing when the process dies before any call of create()", async () => {
      await atEveryCall(async (world, at) => {
        const lease = begin(world);
        const planned = { ...lease };
        world.crash(at);
        const secret = await create(world, lease).catch(() => undefined);
        const calls = world.calls();
        world.reset();
        if (secret === undefined) expect(await revoke(world, planned)).toBe(0);
        else expect(await revoke(world, lease)).toBe(0);
        expect(world.isEmpty()).toBe(true);
        return secret === undefined ? callsMax : calls;
      });
    });

    it("leaves nothing when the process dies before any call of a revocation", async () => {
      await atEveryCall(async (world, at) => {
        const lease = begin(world);
        await create(world, lease);
        world.reset();
        world.crash(at);
        const isDone = await attempt(world, lease).then(
          () => true,
          () => false,
        );
        const calls = world.calls();
        world.reset();
        if (!isDone) expect(await revoke(world, lease)).toBe(0);
        expect(world.isEmpty()).toBe(true);
        return isDone ? calls : callsMax;
      });
    });

    it("creates exactly one secret that works though the reply of any call is lost", async () => {
      await atEveryCall(async (world, at) => {
        const lease = begin(world);
        world.loseReply(at);
        const secret = await create(world, lease);
        const calls = world.calls();
        expect(world.working()).toEqual([secret]);
        world.reset();
        expect(await revoke(world, lease)).toBe(0);
        expect(world.isEmpty()).toBe(true);
        return calls;
      });
    });

    it("revokes though the reply of any call is lost", async () => {
      await atEveryCall(async (world, at) => {
        const lease = begin(world);
        await create(world, lease);
        world.reset();
        world.loseReply(at);
        expect(await revoke(world, lease)).toBeLessThanOrEqual(1);
        expect(world.isEmpty()).toBe(true);
        return world.calls();
      });
    });

    it("creates though any call is throttled once", async () => {
      await atEveryCall(async (world, at) => {
        const lease = begin(world);
        world.throttle(at);
        const secret = await create(world, lease);
        expect(world.working()).toEqual([secret]);
        return world.calls();
      });
    });

    it("uses no attempt when a call of a revocation is throttled", async () => {
      await atEveryCall(async (world, at) => {
        const lease = begin(world);
        await create(world, lease);
        world.reset();
        world.throttle(at);
        expect(await revoke(world, lease)).toBe(0);
        expect(world.isEmpty()).toBe(true);
        return world.calls();
      });
    });

    it("renews, again and though the reply of any call is lost", async () => {
      await atEveryCall(async (world, at) => {
        const lease = begin(world);
        const secret = await create(world, lease);
        if (!world.type.renew) return 0;
        const renewal = { expiresAtMs: world.nowMs() + 2 * ttlMs, signal: new AbortController().signal };
        world.reset();
        world.loseReply(at);
        lease.handle = (await world.type.renew(lease.handle, renewal)) ?? lease.handle;
        const calls = world.calls();
        world.reset();
        await world.type.renew(lease.handle, renewal);
        expect(world.working()).toEqual([secret]);
        await revoke(world, lease);
        expect(world.isEmpty()).toBe(true);
        return calls;
      });
    });

    it("creates nothing once its signal has aborted, and says so", async () => {
      const world = await makeWorld();
      const lease = begin(world);
      const context = {
        input: world.input,
        issuedAtMs: world.nowMs(),
        expiresAtMs: world.nowMs() + ttlMs,
        signal: AbortSignal.abort(),
      };
      await expect(world.type.create(lease.handle, context)).rejects.toBeInstanceOf(NothingCreated);
      expect(world.isEmpty()).toBe(true);
    });
  });
}
