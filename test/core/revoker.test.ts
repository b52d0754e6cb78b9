import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { type DestroyContext, defineSecretType, RetryLater } from "../../src/core/backend.ts";
import { createBarrier } from "../../src/core/barrier.ts";
import { CoreError } from "../../src/core/errors.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { Mount } from "../../src/core/mount.ts";
import { createRevoker, type RevokeOutcome } from "../../src/core/revoker.ts";
import { openLease, sealLease } from "../../src/core/sealed-lease.ts";
import { testSettings } from "../kit/core-harness.ts";
import { createManualClock } from "../kit/manual-clock.ts";
import { createMemoryLeaseStore, type MemoryLeaseStore } from "../kit/memory-lease-store.ts";

interface Unmaking {
  readonly disarm?: (handle: JsonObject) => Promise<void>;
  readonly destroy: (handle: JsonObject, context: DestroyContext<JsonObject>) => Promise<void>;
}

const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
const clock = createManualClock();
const accessor = "test_1";
const id = "test/creds/x/uuid";
const away = new CoreError("BACKEND_UNAVAILABLE", "Away.");
const refused = new CoreError("BACKEND_REFUSED", "Refused.");

let leases: MemoryLeaseStore;

/** Makes one attempt at a lease of a secret type that is unmade like this. */
async function attempt(unmaking: Unmaking): Promise<RevokeOutcome> {
  const { type } = defineSecretType<unknown, JsonObject>({
    name: "t",
    plan: () => ({}),
    create: async (handle) => ({ secret: {}, handle }),
    ...unmaking,
  });
  const record = {
    accessor,
    type: "test",
    description: "",
    tuning: {},
    state: "mounted",
    createdAtMs: 0,
  } as const;
  const mount: Mount = {
    path: "test",
    record,
    stored: new Uint8Array(),
    type: { type: "test", summary: "", description: "", create: () => ({ paths: [], secretTypes: [] }) },
    backend: { paths: [], secretTypes: [type] },
  };
  const telemetry = {
    handled: () => {},
    claimed: () => {},
    issued: () => {},
    revoked: () => {},
    revocationFailed: () => {},
    backgroundFailed: () => {},
  };
  const revoker = createRevoker({ leases, barrier, settings: testSettings, telemetry, clock });
  const [outcome] = await Promise.all(revoker.revoke(mount, [{ kind: "requested", id }]));
  if (!outcome) throw new Error("The revoker answered nothing.");
  await revoker.idle();
  return outcome;
}

const stored = () => {
  const [lease] = leases.leases();
  if (!lease) throw new Error("The lease is gone.");
  return { ...openLease(barrier, lease), fence: lease.fence };
};

beforeEach(async () => {
  leases = createMemoryLeaseStore({ nowMs: () => clock.nowMs() });
  const times = { issuedAtMs: clock.nowMs(), expiresAtMs: clock.nowMs() + 60_000 };
  const identity = {
    id,
    accessor,
    path: "test/creds/x",
    role: "x",
    caller: "root",
    secretType: "t",
    ttlMs: 60_000,
  };
  const sealed = sealLease(
    barrier,
    { ...identity, ...times, maxExpiresAtMs: times.expiresAtMs },
    { key: "k" },
  );
  await leases.setMountState(accessor, "mounted");
  const begun = { accessor, id, sealed, role: "x", caller: "root", ...times, isRenewable: false, fence: "f" };
  await leases.begin({ ...begun, graceEndsAtMs: times.issuedAtMs + 10_000 });
  await leases.activate({ accessor, id }, { fence: "f", sealed, expiresAtMs: times.expiresAtMs });
});

describe("the revoker", () => {
  test("starts to disarm and to destroy side by side", async () => {
    const steps: string[] = [];
    const outcome = await attempt({
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
    await attempt({
      disarm: async () => {
        throw new RetryLater(away, 1000);
      },
      destroy: async () => {
        throw refused;
      },
    });
    expect(stored()).toMatchObject({ state: "revoking", lastError: "Refused.", attempts: 1, fence: "" });
  });

  test("takes a lease for revoked where destroy is satisfied though disarm found nothing", async () => {
    const outcome = await attempt({
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
    await attempt({
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
        expect(stored().disarmedAtMs).toBeUndefined();
        finishDisarm();
        await storing;
        expect(isDisarmed).toBe(true);
        throw away;
      },
    });
    expect(stored()).toMatchObject({ handle: { key: "k", step: 1 }, disarmedAtMs: clock.nowMs() });
  });

  test("refuses a checkpoint where disarming failed", async () => {
    await attempt({
      disarm: async () => {
        throw refused;
      },
      destroy: async (handle, { checkpoint }) => checkpoint({ ...handle, step: 1 }),
    });
    expect(stored()).toMatchObject({ handle: { key: "k" }, disarmedAtMs: undefined, lastError: "Refused." });
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
    await attempt(unmaking);
    expect(stored().disarmedAtMs).toBe(clock.nowMs());
    await attempt(unmaking);
    expect(disarms).toBe(1);
  });

  test("stops at a checkpoint where somebody else has the lease by now", async () => {
    const outcome = await attempt({
      destroy: async (handle, { checkpoint }) => {
        await leases.finish(leases.leases()[0] ?? { accessor, id }, {
          fence: leases.leases()[0]?.fence ?? "",
          role: "x",
          caller: "root",
        });
        await checkpoint(handle);
      },
    });
    expect(outcome).toEqual({ kind: "busy" });
    expect(leases.events.at(-1)?.kind).toBe("finish");
  });

  test("survives a backend that throws instead of rejecting", async () => {
    const outcome = await attempt({
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
    const { issuedAtMs } = stored();
    await attempt({
      destroy: async (_handle, { createsEndedAtMs }) => {
        seen = createsEndedAtMs;
      },
    });
    expect(seen).toBe(issuedAtMs + testSettings.issueDeadlineMs);
  });
});
