import type { Clock } from "../../../core/clock.ts";
import { CoreError } from "../../../core/errors.ts";
import { coreErrorOf, isAwsFailure } from "../aws-failure.ts";
import { throwIfStopped } from "../resend.ts";
import { waitForReady } from "../users/wait-for-ready.ts";
import {
  createRotationTurn,
  type KeyRecord,
  type RotatingKey,
  type Rotation,
  type RotationTurn,
  underWay,
} from "./rotating-key.ts";
import type { UserKey, UserKeys } from "./user-keys.ts";

/** What the rotation of a key works with. */
export interface RotationContext {
  readonly record: KeyRecord;
  /** The way to AWS as it is now: after the root key has changed, by the new one. */
  readonly open: () => Promise<UserKeys>;
  /** The storage's time. */
  readonly nowMs: () => Promise<number>;
  readonly clock: Clock;
  /** How long AWS may not show what it has made, in milliseconds. */
  readonly consistencyMs: number;
  /** Aborting it abandons the calls; the rotation is finished or taken back later. */
  readonly signal: AbortSignal;
  /** How long a new key is waited for, in milliseconds. */
  readonly waitMs: number;
}

/** How far a rotation has come. */
export interface RotationOutcome {
  /** `done`; `checking`: the new key is stored and not known to AWS yet; `removing`: it is current, and the old one still lives; `none`. */
  readonly state: "done" | "checking" | "removing" | "none";
  readonly key: RotatingKey | undefined;
  /** Why the old key could not be deleted. */
  readonly failure?: CoreError;
}

/** A key that was created this long before or after the call that asked for one, by clocks that differ, was not made by it. */
const createdAroundMs = 120_000;

/**
 * Rotates the key of a user in two steps: the new one is stored before it is used, and the old one deleted only when the new one
 * works and is the current one. What is about to happen is stored before each call, so that a server which dies at any of them
 * leaves a stored key that works. `choose` decides by the keys that the user has which of them go; it throws where none can be made.
 */
export async function rotateKey(
  context: RotationContext,
  choose: (keys: readonly UserKey[], seen: RotatingKey, aws: UserKeys) => Promise<readonly string[]>,
): Promise<RotationOutcome> {
  const { record, open, nowMs, signal } = context;
  const seen = await record.read();
  if (seen === undefined) return { state: "none", key: undefined };
  if (seen.rotation !== undefined) throw underWay(seen);
  const aws = await open();
  const { user } = seen;
  const keys = await aws.list({ user, signal }).catch((error: unknown) => {
    throw told(error, `list the access keys of user "${user}"`);
  });
  const old = await choose(keys, seen, aws);
  throwIfStopped(signal);
  const turn = createRotationTurn(record, nowMs);
  await turn.begin({ before: keys.map(({ id }) => id), old }, seen);
  return await giveBackAfter(turn, async () => {
    await create(context, { turn, aws, user });
    return await check(context, turn);
  });
}

/** Finishes or takes back a rotation that a server has left; `none` where there is none, or somebody works on it. */
export async function resumeRotation(context: RotationContext): Promise<RotationOutcome> {
  const turn = createRotationTurn(context.record, context.nowMs);
  const taken = await turn.takeOver();
  const { rotation } = taken ?? {};
  if (taken === undefined || rotation === undefined) return { state: "none", key: taken };
  return await giveBackAfter(turn, async () => {
    if (rotation.step === "removing") return await remove(context, turn);
    if (rotation.step === "checking") return await check(context, turn);
    await takeBack(context, turn);
    return { state: "none", key: await context.record.read() };
  });
}

async function giveBackAfter<T>(turn: RotationTurn, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    // Where that fails, the right ends by itself.
    await turn.giveBack().catch(() => {});
  }
}

async function create(
  context: RotationContext,
  { turn, aws, user }: { readonly turn: RotationTurn; readonly aws: UserKeys; readonly user: string },
): Promise<void> {
  const { signal } = context;
  const made = await aws.create({ user, signal }).catch(async (error: unknown) => {
    if (isAwsFailure(error) && error.kind !== "unknown") await turn.end();
    // A key may exist whose secret nobody knows.
    else await takeBack(context, turn).catch(() => {});
    throw told(error, `create an access key for user "${user}"`);
  });
  try {
    await turn.step((rotation) => ({
      rotation: { ...rotation, step: "checking", pending: { id: made.id, secret: made.secret } },
    }));
  } catch (error) {
    // Not stored, the secret would be lost: the key goes at once, or else when the intent is looked after.
    await aws.remove({ user, id: made.id, signal }).catch(() => {});
    throw error;
  }
}

async function check(context: RotationContext, turn: RotationTurn): Promise<RotationOutcome> {
  const { open, record, clock, signal, consistencyMs, nowMs } = context;
  const key = await record.read();
  const pending = key?.rotation?.pending;
  if (key === undefined || pending === undefined) return { state: "none", key };
  const { probe } = await open();
  const endsAtMs = clock.nowMs() + context.waitMs;
  const isReady = await waitForReady(pending, { probe, clock, signal, endsAtMs });
  if (!isReady) {
    const triedMs = (await nowMs()) - (key.rotation?.startedAtMs ?? 0);
    if (triedMs < 2 * consistencyMs) return { state: "checking", key };
    await takeBack(context, turn);
    throw new CoreError(
      "BACKEND_REFUSED",
      `The new access key ${pending.id} of user "${key.user}" has not come to work, and is deleted again. The key before it is still in use.`,
      { details: { user: key.user, access_key: pending.id } },
    );
  }
  const rotatedAtMs = await nowMs();
  await turn.step(({ pending: _, ...rotation }) => ({
    current: pending,
    rotatedAtMs,
    rotation: { ...rotation, step: "removing" },
  }));
  return await remove(context, turn);
}

async function remove(context: RotationContext, turn: RotationTurn): Promise<RotationOutcome> {
  const { open, record, signal } = context;
  const key = await record.read();
  if (key?.rotation === undefined) return { state: "none", key };
  const { user, rotation, current } = key;
  try {
    const aws = await open();
    for (const id of rotation.old) {
      if (id !== current?.id) await removeKey(aws, { user, id, signal });
    }
  } catch (error) {
    const failure = told(error, `delete the old access key ${rotation.old.join(", ")} of user "${user}"`);
    if (!(failure instanceof CoreError)) throw failure;
    return { state: "removing", key, failure };
  }
  return { state: "done", key: await turn.end() };
}

/**
 * Deletes the key that a rotation has made, or may have made without anybody knowing its secret. As long as AWS may not show such a
 * key yet, nothing is decided.
 */
async function takeBack(context: RotationContext, turn: RotationTurn): Promise<void> {
  const { open, record, nowMs, signal, consistencyMs } = context;
  const key = await record.read();
  if (key?.rotation === undefined) return;
  const { user, rotation } = key;
  const aws = await open();
  let taken = rotation.pending === undefined ? [] : [rotation.pending.id];
  if (taken.length === 0) {
    const keys = await aws.list({ user, signal }).catch((error: unknown) => {
      if (isAwsFailure(error, "absent")) return [];
      throw told(error, `list the access keys of user "${user}"`);
    });
    taken = keys.filter((each) => isMadeBy(rotation, each)).map(({ id }) => id);
    const ageMs = (await nowMs()) - rotation.startedAtMs;
    if (taken.length === 0 && ageMs < consistencyMs) return;
  }
  for (const id of taken) {
    await removeKey(aws, { user, id, signal }).catch((error: unknown) => {
      throw told(error, `delete the access key ${id} of user "${user}"`);
    });
  }
  await turn.end();
}

/** Says whether a key is one that a rotation has made, and not one that somebody else has made since. */
function isMadeBy({ before, startedAtMs }: Rotation, { id, createdAtMs }: UserKey): boolean {
  if (before.includes(id)) return false;
  return createdAtMs === undefined || Math.abs(createdAtMs - startedAtMs) <= createdAroundMs;
}

async function removeKey(
  aws: UserKeys,
  call: { readonly user: string; readonly id: string; readonly signal: AbortSignal },
): Promise<void> {
  try {
    await aws.remove(call);
  } catch (error) {
    if (!isAwsFailure(error, "absent")) throw error;
  }
}

/** A failed call in the words of a caller; what is no failure of AWS stays as it is. */
function told(error: unknown, doing: string): Error {
  if (isAwsFailure(error)) return coreErrorOf(error, doing);
  return error instanceof Error ? error : new Error(String(error));
}
