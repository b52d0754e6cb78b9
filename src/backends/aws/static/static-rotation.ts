import type { Clock } from "../../../core/clock.ts";
import { CoreError, quote } from "../../../core/errors.ts";
import { invalidField } from "../../../core/field.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { coreErrorOf, isAwsFailure } from "../aws-failure.ts";
import type { OpenRoot, RootAccess } from "../root-access.ts";
import { noteProblem } from "../rotation/note-problem.ts";
import {
  type RotationContext,
  type RotationOutcome,
  resumeRotation,
  rotateKey,
} from "../rotation/rotate-key.ts";
import { describeKey, secondKeyError } from "../rotation/second-key.ts";
import { type UserKey, type UserKeys, userKeysOf } from "../rotation/user-keys.ts";
import { nextRotationMs, type StaticRole, type StaticRoles } from "./static-role.ts";

/** How long a request waits for a new key to work, and how long the upkeep does, in milliseconds. */
const requestWaitMs = 20_000;
const upkeepWaitMs = 30_000;
/** Roles that are rotated at the same time. */
const atOnceMax = 4;

/** Rotates the keys of the users of static roles. */
export interface StaticRotation {
  /** Takes over the user of a new role: stores the role, makes its first key, and deletes the key that the user had. */
  takeOver(name: string, role: StaticRole, call: StaticCall): Promise<RotationOutcome>;
  /** Rotates where that is due, after finishing what a server may have left. */
  catchUp(name: string, call: { readonly signal: AbortSignal }): Promise<void>;
  /** Does so for all roles of the mount. */
  tidy(call: { readonly signal: AbortSignal }): Promise<void>;
}

/** A request about a static role. */
export interface StaticCall {
  readonly signal: AbortSignal;
  readonly mountPath: string;
}

/** Makes the rotation of the static roles of one mount. */
export function createStaticRotation(options: {
  readonly roles: StaticRoles;
  readonly access: RootAccess;
  readonly leases: MountLeases;
  readonly clock: Clock;
  readonly consistencyMs: number;
}): StaticRotation {
  const { roles, access, leases, clock, consistencyMs } = options;
  const nowMs = () => leases.nowMs();

  const openRoot = async (account: string | undefined, call: Partial<StaticCall>): Promise<OpenRoot> => {
    const { signal = new AbortController().signal, mountPath } = call;
    const root = await access.withAccount(await access.open(mountPath), signal);
    if (account !== undefined && root.account !== undefined && account !== root.account)
      throw otherAccount(account, root.account);
    return root;
  };
  const keysOf = (root: OpenRoot): UserKeys => {
    if (root.probe === undefined) throw noSts();
    return userKeysOf(root, root.probe);
  };

  const contextOf = (
    name: string,
    role: StaticRole,
    signal: AbortSignal,
    waitMs: number,
  ): RotationContext => ({
    ...{ nowMs, clock, consistencyMs, signal, waitMs },
    record: roles.record(name),
    open: async () => keysOf(await openRoot(role.account, { signal })),
  });

  const rotate = async (context: RotationContext): Promise<RotationOutcome> => {
    const root = await access.open();
    return await rotateKey(context, async (keys, { user, current }, aws) => {
      if (hasRootKey(keys, root)) throw rootsOwn(user);
      const others = keys.filter(({ id }) => id !== current?.id);
      const told = { user, aws, nowMs: await nowMs(), signal: context.signal };
      if (current === undefined && keys.length > 1) throw await twoKeys(keys, told);
      const [other] = others;
      if (keys.length > 1 && other !== undefined)
        throw await secondKeyError(other, { ...told, doing: `rotate the key of user "${user}"` });
      // A key that is not ours goes when the user is taken over, and never later.
      return current === undefined
        ? others.map(({ id }) => id)
        : keys.length > others.length
          ? [current.id]
          : [];
    });
  };

  const catchUp: StaticRotation["catchUp"] = async (name, { signal }) => {
    const role = await roles.find(name);
    if (role === undefined) return;
    const context = contextOf(name, role, signal, upkeepWaitMs);
    const isDue = (await nowMs()) >= nextRotationMs(role);
    if (role.rotation === undefined && !isDue) return;
    await noteProblem(context.record, nowMs, async () =>
      role.rotation === undefined ? await rotate(context) : await resumeRotation(context),
    );
  };

  return {
    async takeOver(name, wanted, call) {
      const root = await openRoot(undefined, call);
      const { signal } = call;
      const { account } = root;
      const role: StaticRole = account === undefined ? wanted : { ...wanted, account };
      const aws = keysOf(root);
      await checkUser(root, role.user, signal);
      const keys = await aws.list({ user: role.user, signal }).catch((error: unknown) => {
        throw toldFailure(error, `list the access keys of user ${quote(role.user)}`);
      });
      if (hasRootKey(keys, root)) throw rootsOwn(role.user);
      if (keys.length > 1) throw await twoKeys(keys, { user: role.user, aws, nowMs: await nowMs(), signal });
      await roles.add(name, role, await nowMs());
      try {
        return await rotate(contextOf(name, role, signal, requestWaitMs));
      } catch (error) {
        await forgetUntouched(roles, name);
        throw error;
      }
    },
    catchUp,
    async tidy({ signal }) {
      const names = [...(await roles.names())];
      let failure: unknown;
      while (names.length > 0 && !signal.aborted) {
        const batch = names.splice(0, atOnceMax);
        for (const result of await Promise.allSettled(batch.map((name) => catchUp(name, { signal })))) {
          if (result.status === "rejected") failure ??= result.reason;
        }
      }
      if (failure !== undefined) throw failure;
    },
  };
}

/** A role whose first key was not made, and of which nothing is left at AWS, is not kept: its write has failed. */
async function forgetUntouched(roles: StaticRoles, name: string): Promise<void> {
  const role = await roles.find(name);
  if (role !== undefined && role.current === undefined && role.rotation === undefined)
    await roles.remove(name, role);
}

async function checkUser({ iam }: OpenRoot, user: string, signal: AbortSignal): Promise<void> {
  const found = await iam.getUser({ user, signal }).catch((error: unknown) => {
    if (isAwsFailure(error, "absent")) {
      throw invalidField(
        "username",
        `names no user: AWS finds no ${quote(user)} in the account of the root key. A static role needs a user that exists.`,
      );
    }
    throw toldFailure(error, `look up user ${quote(user)}`);
  });
  if (found.tags["leasehold:lease"] === undefined) return;
  throw invalidField(
    "username",
    `names the user of a lease, ${quote(user)}, whose key ends with it. Name a user of your own.`,
  );
}

async function twoKeys(
  keys: readonly UserKey[],
  context: {
    readonly user: string;
    readonly aws: UserKeys;
    readonly nowMs: number;
    readonly signal: AbortSignal;
  },
): Promise<CoreError> {
  const { user } = context;
  const shown = await Promise.all(keys.map((key) => describeKey(key, context)));
  return new CoreError(
    "BACKEND_REFUSED",
    `Cannot take over user "${user}": it has two access keys, ${shown.join(" and ")}, and AWS allows no third. Delete the one that ` +
      "nothing uses; the other is replaced by the new key, and deleted once that works.",
    { details: { user, access_keys: keys.map(({ id }) => id).join(",") } },
  );
}

/** Says whether one of the keys is the root key: what calls are signed with, or what role_arn is assumed with. */
function hasRootKey(keys: readonly UserKey[], { accessKey, name }: OpenRoot): boolean {
  return keys.some(({ id }) => id === accessKey || id === name);
}

function rootsOwn(user: string): CoreError {
  return invalidField(
    "username",
    `names the root key's own user, ${quote(user)}. Without role_arn its key is rotated by "config/rotate-root", or by rotation_period in "config/root".`,
  );
}

function otherAccount(account: string, now: string): CoreError {
  return new CoreError(
    "BACKEND_REFUSED",
    `Cannot rotate the key: its user is in account ${account}, and the root credentials are of ${now} by now. Write root credentials of ${account} to "config/root", or delete the static role.`,
    { details: { account, root_account: now } },
  );
}

function noSts(): CoreError {
  return new CoreError(
    "BACKEND_REFUSED",
    'Static roles take STS, which tells whether a new key works: the mount has an "iam_endpoint" and no "sts_endpoint". Write both to config/root, or neither.',
  );
}

function toldFailure(error: unknown, doing: string): unknown {
  return isAwsFailure(error) ? coreErrorOf(error, doing) : error;
}
