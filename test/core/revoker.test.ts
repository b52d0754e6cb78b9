import { beforeEach, describe, expect, test } from "vitest";
import { RetryLater } from "../../src/core/backend.ts";
import { openLease, sealLease } from "../../src/core/sealed-lease.ts";
import { testSettings } from "../kit/core-harness.ts";
import { away, createRevokerScene, type RevokerScene, refused, type Unmaking } from "./revoker-scene.ts";

let scene: RevokerScene;

beforeEach(async () => {
  scene = await createRevokerScene();
});

describe("the revoker", () => {
  test("starts to disarm and to destroy side by side", async () => {
    const steps: string[] = [];
    const outcome = await scene.attempt({
      disarm: async () => {
        steps.push("disarm begins");
        await Promise.resolve();
        steps.push("disarm ends");
      },
      destroy: async (_handle, { disarmed }) => {
        steps.push("destroy begins");
        await disarmed;
        steps.push("destroy ends");
      },
    });
    expect(outcome).toEqual({ kind: "revoked" });
    expect(steps).toEqual(["disarm begins", "destroy begins", "disarm ends", "destroy ends"]);
  });

  test("records what a failed destroy rejects with, not what disarm did", async () => {
    await scene.attempt({
      disarm: async () => {
        throw new RetryLater(away, 1000);
      },
      destroy: async () => {
        throw refused;
      },
    });
    expect(scene.stored()).toMatchObject({
      state: "revoking",
      lastError: "Refused.",
      attempts: 1,
      fence: "",
    });
  });

  test("takes a lease for revoked where destroy is satisfied though disarm found nothing", async () => {
    const outcome = await scene.attempt({
      disarm: async () => {
        throw new RetryLater(away, 1000);
      },
      destroy: async () => {},
    });
    expect(outcome).toEqual({ kind: "revoked" });
  });

  test("lets no checkpoint say that a secret is disarmed before it is", async () => {
    let isDisarmed = false;
    let finishDisarm = () => {};
    await scene.attempt({
      disarm: () =>
        new Promise((resolve) => {
          finishDisarm = () => {
            isDisarmed = true;
            resolve();
          };
        }),
      destroy: async (handle, { checkpoint }) => {
        const storing = checkpoint({ ...handle, step: 1 });
        await new Promise((resolve) => setImmediate(resolve));
        expect(scene.stored().disarmedAtMs).toBeUndefined();
        finishDisarm();
        await storing;
        expect(isDisarmed).toBe(true);
        throw away;
      },
    });
    expect(scene.stored()).toMatchObject({
      handle: { key: "k", step: 1 },
      disarmedAtMs: scene.clock.nowMs(),
    });
  });

  test("refuses a checkpoint where disarming failed", async () => {
    await scene.attempt({
      disarm: async () => {
        throw refused;
      },
      destroy: async (handle, { checkpoint }) => checkpoint({ ...handle, step: 1 }),
    });
    expect(scene.stored()).toMatchObject({
      handle: { key: "k" },
      disarmedAtMs: undefined,
      lastError: "Refused.",
    });
  });

  test("records that the secret is disarmed where only the rest failed, and starts from there", async () => {
    let disarms = 0;
    const unmaking: Unmaking = {
      disarm: async () => {
        disarms += 1;
      },
      destroy: async () => {
        throw away;
      },
    };
    await scene.attempt(unmaking);
    expect(scene.stored().disarmedAtMs).toBe(scene.clock.nowMs());
    await scene.attempt(unmaking);
    expect(disarms).toBe(1);
  });

  test("stops at a checkpoint where somebody else has the lease by now", async () => {
    const outcome = await scene.attempt({
      destroy: async (handle, { checkpoint }) => {
        await scene.leases.finish(scene.stored(), {
          fence: scene.leases.leases()[0]?.fence ?? "",
          role: "x",
          caller: "root",
        });
        await checkpoint(handle);
      },
    });
    expect(outcome).toEqual({ kind: "busy" });
    expect(scene.leases.events.at(-1)?.kind).toBe("finish");
  });

  test("counts from when a secret was last made where it says until when creating calls can have been sent", async () => {
    let seen: number | undefined;
    const [lease] = scene.leases.leases();
    if (!lease) throw new Error("The lease is gone.");
    const opened = openLease(scene.barrier, lease);
    const { expiresAtMs } = lease;
    const sealed = sealLease(
      scene.barrier,
      { ...opened, reissuedAtMs: opened.issuedAtMs + 5000 },
      opened.handle,
    );
    await scene.leases.renew(lease, { expectedExpiresAtMs: expiresAtMs, expiresAtMs, sealed });
    await scene.attempt({
      destroy: async (_handle, { createsEndedAtMs }) => {
        seen = createsEndedAtMs;
      },
    });
    expect(seen).toBe(opened.issuedAtMs + 5000 + testSettings.issueDeadlineMs);
  });

  test("survives a backend that throws instead of rejecting", async () => {
    const outcome = await scene.attempt({
      disarm: async () => {
        await Promise.resolve();
        throw away;
      },
      destroy: () => {
        throw new Error("a bug");
      },
    });
    expect(outcome).toMatchObject({ kind: "failed", retry: { reason: { code: "INTERNAL" } } });
    await new Promise((resolve) => setImmediate(resolve));
  });

  test("tells destroy until when creating calls can have been sent", async () => {
    let seen: number | undefined;
    const { issuedAtMs } = scene.stored();
    await scene.attempt({
      destroy: async (_handle, { createsEndedAtMs }) => {
        seen = createsEndedAtMs;
      },
    });
    expect(seen).toBe(issuedAtMs + testSettings.issueDeadlineMs);
  });
});
