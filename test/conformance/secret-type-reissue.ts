import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import {
  atEveryCall,
  begin,
  callsMax,
  create,
  revoke,
  type SceneLease,
  type SecretWorld,
  stored,
} from "./secret-scene.ts";

/** A lease whose secret exists, and is to be made anew: from here on only what `planReissue` answers is stored. */
async function planAgain(world: SecretWorld): Promise<SceneLease> {
  const lease = begin(world);
  await create(world, lease);
  lease.handle = stored(world.type.planReissue?.(lease.handle) ?? {});
  lease.createsEndedAtMs = world.nowMs() + 30_000;
  world.reset();
  return lease;
}

/** Makes the secret anew; answers the fields of the fresh one. */
async function reissue(world: SecretWorld, lease: SceneLease): Promise<JsonObject> {
  const made = await world.type.reissue?.(lease.handle, { signal: AbortSignal.timeout(20_000) });
  if (!made) throw new Error("The secret type cannot make a secret anew.");
  lease.handle = stored(made.handle);
  return made.secret;
}

/** The contract of a secret type that can make the secret of a lease anew. Each world is used for one test. */
export function secretReissueConformance(name: string, makeWorld: () => Promise<SecretWorld>): void {
  describe(`the secret type ${name}, asked for a secret anew,`, () => {
    it("makes the earlier one useless, and one that works", async () => {
      const world = await makeWorld();
      const lease = begin(world);
      const first = await create(world, lease);
      lease.handle = stored(world.type.planReissue?.(lease.handle) ?? {});
      const second = await reissue(world, lease);
      expect(second).not.toEqual(first);
      expect(world.working()).toEqual([second]);
      expect(JSON.stringify(lease.handle)).not.toContain(Object.values(second).at(-1));
      expect(await revoke(world, lease)).toBe(0);
      expect(world.isEmpty()).toBe(true);
    });

    it("does so again, as often as it is asked", async () => {
      const world = await makeWorld();
      const lease = await planAgain(world);
      await reissue(world, lease);
      lease.handle = stored(world.type.planReissue?.(lease.handle) ?? {});
      const third = await reissue(world, lease);
      expect(world.working()).toEqual([third]);
    });

    it("never has two secrets that work, and leaves none when the process dies before any call", async () => {
      await atEveryCall(makeWorld, async (world, at) => {
        const lease = await planAgain(world);
        const planned = { ...lease };
        world.crash(at);
        const secret = await reissue(world, lease).catch(() => undefined);
        const calls = world.calls();
        expect(world.working().length).toBeLessThanOrEqual(1);
        world.reset();
        expect(await revoke(world, secret === undefined ? planned : lease)).toBe(0);
        expect(world.isEmpty()).toBe(true);
        return secret === undefined ? callsMax : calls;
      });
    });

    it.each(["loseReply", "throttle"] as const)(
      "makes exactly one that works through a %s at any call",
      async (fault) => {
        await atEveryCall(makeWorld, async (world, at) => {
          const lease = await planAgain(world);
          world[fault](at);
          const secret = await reissue(world, lease);
          const calls = world.calls();
          expect(world.working()).toEqual([secret]);
          world.reset();
          expect(await revoke(world, lease)).toBe(0);
          expect(world.isEmpty()).toBe(true);
          return calls;
        });
      },
    );
  });
}
