import { beforeEach, describe, expect, test } from "vitest";
import { RetryLater, Throttled } from "../../src/core/backend.ts";
import { away, createRevokerScene, type RevokerScene, type Unmaking } from "./revoker-scene.ts";

let scene: RevokerScene;

beforeEach(async () => {
  scene = await createRevokerScene();
});

describe("the revoker in haste", () => {
  test("only disarms, and leaves the rest due", async () => {
    let destroys = 0;
    const unmaking: Unmaking = {
      disarm: async () => {},
      destroy: async () => {
        destroys += 1;
      },
    };
    expect(await scene.attempt(unmaking, { tidyFromMs: 0 })).toEqual({ kind: "disarmed" });
    expect(destroys).toBe(0);
    expect(scene.stored()).toMatchObject({
      state: "revoking",
      attempts: 0,
      fence: "",
      disarmedAtMs: scene.clock.nowMs(),
    });
    expect(scene.leases.leases()[0]?.dueAtMs).toBe(scene.clock.nowMs());
    expect(await scene.attempt(unmaking, { tidyFromMs: 0 })).toEqual({ kind: "revoked" });
    expect(destroys).toBe(1);
  });

  test("leaves the rest of what is disarmed for later, and asks nothing of the vendor until then", async () => {
    let calls = 0;
    const count = async () => {
      calls += 1;
    };
    const haste = { tidyFromMs: scene.clock.nowMs() + 2000 };
    await scene.attempt({ disarm: count, destroy: count }, haste);
    expect(await scene.attempt({ disarm: count, destroy: count }, haste)).toEqual({ kind: "disarmed" });
    expect(calls).toBe(1);
    expect(scene.leases.leases()[0]?.dueAtMs).toBe(haste.tidyFromMs);
  });

  test("goes on to destroy, where disarm found nothing: that is for destroy to judge", async () => {
    let seen: unknown;
    const outcome = await scene.attempt(
      {
        disarm: async () => {
          throw new RetryLater(away, 1000);
        },
        destroy: async (_handle, { disarmed }) => {
          seen = await disarmed.catch((error: unknown) => error);
        },
      },
      { tidyFromMs: 0 },
    );
    expect(outcome).toEqual({ kind: "revoked" });
    expect(seen).toBeInstanceOf(RetryLater);
  });

  test("asks for nothing more where disarm was throttled", async () => {
    const outcome = await scene.attempt(
      {
        disarm: async () => {
          throw new Throttled(away, 1000);
        },
        destroy: async () => {
          throw new Error("It was not to be called.");
        },
      },
      { tidyFromMs: 0 },
    );
    expect(outcome).toMatchObject({ kind: "failed", isDisarmed: false, retry: { isThrottled: true } });
    expect(scene.stored()).toMatchObject({ attempts: 0, disarmedAtMs: undefined });
  });

  test("makes a whole attempt where the secret type knows no disarming", async () => {
    expect(await scene.attempt({ destroy: async () => {} }, { tidyFromMs: 0 })).toEqual({ kind: "revoked" });
  });
});
