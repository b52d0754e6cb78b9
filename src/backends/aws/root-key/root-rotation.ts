import type { Clock } from "../../../core/clock.ts";
import { CoreError } from "../../../core/errors.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import type { MountStorage } from "../../../core/mount-storage.ts";
import { coreErrorOf, isAwsFailure } from "../aws-failure.ts";
import type { OpenRoot, RootAccess } from "../root-access.ts";
import { readRootConfig } from "../root-config.ts";
import { noteProblem } from "../rotation/note-problem.ts";
import {
  type RotationContext,
  type RotationOutcome,
  resumeRotation,
  rotateKey,
} from "../rotation/rotate-key.ts";
import type { RotatingKey } from "../rotation/rotating-key.ts";
import { secondKeyError } from "../rotation/second-key.ts";
import { type UserKey, type UserKeys, userKeysOf } from "../rotation/user-keys.ts";
import { rootKeyRecord, whyNotRotated } from "./root-key-record.ts";

/** How long a request waits for a new key to work, and how long the upkeep does, in milliseconds. */
const requestWaitMs = 20_000;
const upkeepWaitMs = 60_000;

/** Rotates the root key of a mount. */
export interface RootRotation {
  /** Rotates now, after finishing what another server may have left. Rejects with `BACKEND_REFUSED` where the key cannot be rotated. */
  rotate(call: { readonly signal: AbortSignal; readonly mountPath: string }): Promise<RotationOutcome>;
  /** Finishes or takes back what was left, and rotates where the period is over. */
  tidy(call: { readonly signal: AbortSignal }): Promise<void>;
}

/** Makes the rotation of the root key of one mount. */
export function createRootRotation(options: {
  readonly storage: MountStorage;
  readonly access: RootAccess;
  readonly leases: MountLeases;
  readonly clock: Clock;
  readonly consistencyMs: number;
}): RootRotation {
  const { storage, access, leases, clock, consistencyMs } = options;
  const record = rootKeyRecord(storage);
  const nowMs = () => leases.nowMs();
  const open = async (): Promise<UserKeys> => {
    const root = await access.open();
    if (root.probe === undefined) throw noSts();
    return userKeysOf(root, root.probe);
  };
  const contextOf = (signal: AbortSignal, waitMs: number): RotationContext => ({
    ...{ record, open, nowMs, clock, consistencyMs, signal, waitMs },
  });

  /** Finds out whose the key is, and stores that: it is what the rotation goes by from then on. */
  const learnUser = async (root: OpenRoot, signal: AbortSignal): Promise<void> => {
    const user = await userOf(root, signal);
    await record.change((key) => {
      if (key.current?.id !== root.accessKey) throw replacedMeanwhile();
      return key.rotation === undefined ? { ...key, user } : key;
    });
  };

  const begin = async (context: RotationContext, mountPath?: string): Promise<RotationOutcome> => {
    const root = await access.open(mountPath);
    if (root.probe === undefined) throw noSts();
    await learnUser(root, context.signal);
    return await rotateKey(context, (keys, seen, aws) => chooseOld({ keys, seen, aws, ...context }));
  };

  return {
    async rotate({ signal, mountPath }) {
      // Where there is no root key at all, this says so.
      await access.open(mountPath);
      const config = await readRootConfig(storage);
      const refusal = config && whyNotRotated(config);
      if (refusal !== undefined) throw refusal;
      const context = contextOf(signal, requestWaitMs);
      const left = await resumeRotation(context);
      return left.state === "none" ? await begin(context, mountPath) : left;
    },
    async tidy({ signal }) {
      const config = await readRootConfig(storage);
      if (config === undefined || whyNotRotated(config) !== undefined) return;
      const { rotationPeriodMs, turnover, keyWrittenAtMs = 0 } = config;
      const context = contextOf(signal, upkeepWaitMs);
      const now = await leases.nowMs();
      if (turnover?.rotation !== undefined) {
        await noteProblem(record, nowMs, async () => await resumeRotation(context));
      } else if (rotationPeriodMs !== undefined) {
        const dueMs = (turnover?.rotatedAtMs ?? keyWrittenAtMs) + rotationPeriodMs;
        if (now >= Math.max(dueMs, turnover?.retryAtMs ?? 0))
          await noteProblem(record, nowMs, async () => await begin(context));
      }
    },
  };
}

async function userOf(root: OpenRoot, signal: AbortSignal): Promise<string> {
  const { arn } = await root.sessions.sts.getCallerIdentity({ signal }).catch((error: unknown) => {
    throw isAwsFailure(error) ? coreErrorOf(error, "find out whose root key it is") : error;
  });
  const user = /^arn:[^:]+:iam::\d+:user\/(?:.*\/)?([^/]+)$/.exec(arn)?.[1];
  if (user !== undefined) return user;
  throw new CoreError(
    "BACKEND_REFUSED",
    `Cannot rotate the root key: it is not one of an IAM user, but of ${arn}. Write the key of an IAM user to "config/root".`,
    { details: { arn } },
  );
}

async function chooseOld(options: {
  readonly keys: readonly UserKey[];
  readonly seen: RotatingKey;
  readonly aws: UserKeys;
  readonly nowMs: () => Promise<number>;
  readonly signal: AbortSignal;
}): Promise<readonly string[]> {
  const { keys, seen, aws, nowMs, signal } = options;
  const id = seen.current?.id ?? "";
  const other = keys.find((key) => key.id !== id);
  if (other !== undefined) {
    const doing = `rotate the root key ${id}`;
    throw await secondKeyError(other, { doing, user: seen.user, aws, nowMs: await nowMs(), signal });
  }
  if (keys.length === 1) return [id];
  throw new CoreError(
    "BACKEND_REFUSED",
    `Cannot rotate the root key ${id}: AWS does not list it among the keys of user "${seen.user}". It may be too new; try again in a minute.`,
    { details: { user: seen.user, access_key: id } },
  );
}

function replacedMeanwhile(): CoreError {
  return new CoreError(
    "BACKEND_UNAVAILABLE",
    'Another root key was written to "config/root" meanwhile; nothing was rotated. Try again.',
  );
}

function noSts(): CoreError {
  return new CoreError(
    "BACKEND_REFUSED",
    'Cannot rotate a key without STS, which tells whose it is and whether the new one works: the mount has an "iam_endpoint" and no "sts_endpoint". Write both to config/root, or neither.',
  );
}
