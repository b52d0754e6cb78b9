import { randomBytes } from "node:crypto";
import { type DestroyContext, defineSecretType } from "../../src/core/backend.ts";
import { type Barrier, createBarrier } from "../../src/core/barrier.ts";
import { CoreError } from "../../src/core/errors.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { Lease } from "../../src/core/lease.ts";
import type { Mount } from "../../src/core/mount.ts";
import { createRevoker, type Haste, type RevokeOutcome } from "../../src/core/revoker.ts";
import { openLease, sealLease } from "../../src/core/sealed-lease.ts";
import { testSettings } from "../kit/core-harness.ts";
import { createManualClock, type ManualClock } from "../kit/manual-clock.ts";
import { createMemoryLeaseStore, type MemoryLeaseStore } from "../kit/memory-lease-store.ts";

/** How the secret of the scene is unmade. */
export interface Unmaking {
  readonly disarm?: (handle: JsonObject) => Promise<void>;
  readonly destroy: (handle: JsonObject, context: DestroyContext<JsonObject>) => Promise<void>;
}

const accessor = "test_1";
const id = "test/creds/x/uuid";
/** The vendor cannot be reached. */
export const away = new CoreError("BACKEND_UNAVAILABLE", "Away.");
/** The vendor refuses. */
export const refused = new CoreError("BACKEND_REFUSED", "Refused.");

/** One active lease, and a revoker. */
export interface RevokerScene {
  readonly leases: MemoryLeaseStore;
  readonly barrier: Barrier;
  readonly clock: ManualClock;
  /** Makes one attempt at the lease, whose secret is unmade like this. */
  attempt(unmaking: Unmaking, haste?: Haste): Promise<RevokeOutcome>;
  /** The lease as it is stored now. */
  stored(): Lease & { readonly fence: string };
}

/** Makes one attempt to revoke the lease of a scene. */
async function attemptIn(
  { leases, barrier, clock }: Pick<RevokerScene, "leases" | "barrier" | "clock">,
  unmaking: Unmaking,
  haste: Haste | undefined,
): Promise<RevokeOutcome> {
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
    isBuiltIn: false,
    type: { type: "test", summary: "", description: "", create: () => ({ paths: [], secretTypes: [] }) },
    backend: { paths: [], secretTypes: [type] },
  };
  const telemetry = {
    handled: () => {},
    claimed: () => {},
    issued: () => {},
    revoked: () => {},
    revocationFailed: () => {},
    observing: () => {},
    backgroundFailed: () => {},
  };
  const revoker = createRevoker({ leases, barrier, settings: testSettings, telemetry, clock });
  const [outcome] = await Promise.all(revoker.revoke(mount, [{ kind: "requested", id }], haste));
  if (!outcome) throw new Error("The revoker answered nothing.");
  await revoker.idle();
  return outcome;
}

/** Makes the scene. */
export async function createRevokerScene(): Promise<RevokerScene> {
  const clock = createManualClock();
  const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
  const leases = createMemoryLeaseStore({ nowMs: () => clock.nowMs() });
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
  return {
    leases,
    barrier,
    clock,
    attempt: (unmaking, haste) => attemptIn({ leases, barrier, clock }, unmaking, haste),
    stored() {
      const [lease] = leases.leases();
      if (!lease) throw new Error("The lease is gone.");
      return { ...openLease(barrier, lease), fence: lease.fence };
    },
  };
}
