import { describe, expect, it } from "vitest";
import { NothingCreated } from "../../src/core/backend.ts";
import {
  atEveryCall,
  attempt,
  begin,
  callsMax,
  create,
  revoke,
  type SecretWorld,
  stored,
  ttlMs,
} from "./secret-scene.ts";

/** The contract of a secret type. Each world is used for one test. */
export function secretTypeConformance(name: string, makeWorld: () => Promise<SecretWorld>): void {
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
      await atEveryCall(makeWorld, async (world, at) => {
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
      await atEveryCall(makeWorld, async (world, at) => {
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
      await atEveryCall(makeWorld, async (world, at) => {
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
      await atEveryCall(makeWorld, async (world, at) => {
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
      await atEveryCall(makeWorld, async (world, at) => {
        const lease = begin(world);
        world.throttle(at);
        const secret = await create(world, lease);
        expect(world.working()).toEqual([secret]);
        return world.calls();
      });
    });

    it("uses no attempt when a call of a revocation is throttled", async () => {
      await atEveryCall(makeWorld, async (world, at) => {
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
      await atEveryCall(makeWorld, async (world, at) => {
        const lease = begin(world);
        const secret = await create(world, lease);
        if (!world.type.renew) return 0;
        const renewal = {
          expiresAtMs: world.nowMs() + 2 * ttlMs,
          ttlMs,
          signal: new AbortController().signal,
        };
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
        ids: world.ids,
        issuedAtMs: world.nowMs(),
        expiresAtMs: world.nowMs() + ttlMs,
        signal: AbortSignal.abort(),
      };
      await expect(world.type.create(lease.handle, context)).rejects.toBeInstanceOf(NothingCreated);
      expect(world.isEmpty()).toBe(true);
    });
  });
}
