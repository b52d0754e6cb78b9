import { RetryLater, type SecretIds, type SecretType } from "../../src/core/backend.ts";
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
export interface SceneLease {
  handle: JsonObject;
  isDisarmed: boolean;
  createsEndedAtMs: number;
}

/** More calls than any secret type takes to make or unmake a secret. */
export const callsMax = 60;
const attemptsMax = 40;
/** TTL of every lease, in milliseconds. */
export const ttlMs = 3_600_000;

/** A handle as it comes back from a store. */
export const stored = (handle: JsonObject): JsonObject => JSON.parse(JSON.stringify(handle));

/** Plans a secret. */
export function begin(world: SecretWorld): SceneLease {
  const handle = stored(world.type.plan(world.input, world.ids));
  return { handle, isDisarmed: false, createsEndedAtMs: world.nowMs() + 30_000 };
}

/** Creates the secret that was planned; answers its fields. */
export async function create(world: SecretWorld, lease: SceneLease): Promise<JsonObject> {
  const created = await world.type.create(lease.handle, {
    input: world.input,
    ids: world.ids,
    issuedAtMs: world.nowMs(),
    expiresAtMs: world.nowMs() + ttlMs,
    signal: AbortSignal.timeout(20_000),
  });
  lease.handle = stored(created.handle);
  return created.secret;
}

/** One attempt to revoke, as the revoker makes it. */
export async function attempt(world: SecretWorld, lease: SceneLease): Promise<void> {
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
export async function revoke(world: SecretWorld, lease: SceneLease): Promise<number> {
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

/** Runs a scenario, each time in a world of its own, with a fault at every call in turn, until the fault comes after the last one. */
export async function atEveryCall(
  makeWorld: () => Promise<SecretWorld>,
  scenario: (world: SecretWorld, at: number) => Promise<number>,
): Promise<void> {
  for (let at = 0; at < callsMax; at++) {
    const calls = await scenario(await makeWorld(), at);
    if (at >= calls) return;
  }
  throw new Error(`There were more than ${callsMax} calls.`);
}
