import type { DestroyContext } from "../../core/backend.ts";
import { deleteUser } from "./delete-user.ts";
import { inlinePolicyName } from "./guard.ts";
import type { ExistingUser } from "./iam.ts";
import { checkOwnUser, findUser } from "./own-user.ts";
import {
  type BeliefContext,
  believeGone,
  isSettled,
  NotFound,
  revocationError,
  stillBeingMade,
} from "./revocation.ts";
import { recordProgress } from "./revocation-progress.ts";
import type { OpenRoot } from "./root-access.ts";
import { removeBelongings, sweepKeys, sweepUser, type UserBelonging } from "./sweep-user.ts";
import { hasInlinePermissionsOnly, type UserHandle } from "./user-handle.ts";
import { wave } from "./wave.ts";

/** How to destroy the user of a lease. */
export type DestroyUserContext = DestroyContext<UserHandle> & BeliefContext;

const inlinePolicy: UserBelonging = { belonging: "inlinePolicy", id: inlinePolicyName };

/**
 * Deletes a leased user while `disarm` deletes its key. Two round trips where
 * the inline policy holds all permissions: [DeleteAccessKey, GetUser, DeleteUserPolicy], [DeleteUser].
 *
 * Three where there are managed policies or groups, since any of them may deny
 * something, and the guard certainly does, so none is taken off before the key is known to be deleted. The same
 * goes for a user whose key was not known: then the key must be the first that is changed.
 */
export async function destroyUser(handle: UserHandle, context: DestroyUserContext): Promise<void> {
  await destroyOnce(handle, context);
  if (handle.key === undefined && context.nowMs < context.createsEndedAtMs)
    throw stillBeingMade(handle, context);
}

async function destroyOnce(handle: UserHandle, context: DestroyUserContext): Promise<void> {
  // Looked at below; a rejection in the meantime must not count as unhandled.
  const disarming = Promise.allSettled([context.disarmed]);
  const root = await context.access.openToRevoke("tidy");
  const [first] = await Promise.allSettled([firstWave(handle, { ...context, root })]);
  const [disarmed] = await disarming;
  if (disarmed.status === "rejected" && !(disarmed.reason instanceof NotFound)) throw disarmed.reason;

  const progress = recordProgress(handle, { isNeeded: !isSettled(context), checkpoint: context.checkpoint });
  try {
    if (first.status === "rejected") throw first.reason;
    const found = first.value;
    if (found === undefined) return await believeGone(handle, { ...context, root });
    checkOwnUser(found, handle);
    if (disarmed.status === "rejected") {
      // The user is there and its key is not: believable from here on, too, once AWS has settled.
      if (!isSettled(context)) throw disarmed.reason;
      // A storage that has lost its last seconds names the key of before a reissue, and another one may be alive.
      await sweepKeys({ iam: root.iam, user: handle.user, signal: context.signal });
    }
    await stripUser(handle, { root, signal: context.signal });
    await deleteUser(handle, { ...context, root, progress });
  } catch (error) {
    await progress.keep();
    throw revocationError(error, `delete user "${handle.user}"`);
  }
}

/** Says whether the inline policy may go at the same time as the key. */
function stripsAtOnce(handle: UserHandle): boolean {
  return handle.key !== undefined && hasInlinePermissionsOnly(handle);
}

/** Looks the user up, and takes its inline policy off where that takes every permission off it. */
async function firstWave(
  handle: UserHandle,
  context: { readonly root: OpenRoot; readonly signal: AbortSignal },
): Promise<ExistingUser | undefined> {
  const { user } = handle;
  const { signal } = context;
  const { iam } = context.root;
  const found = findUser(iam, { user, signal });
  const stripped = stripsAtOnce(handle) ? [removeBelongings([inlinePolicy], { iam, user, signal })] : [];
  await wave<unknown>([found, ...stripped]);
  return found;
}

/** Takes off what had to stay until the key was deleted. */
async function stripUser(
  handle: UserHandle,
  context: { readonly root: OpenRoot; readonly signal: AbortSignal },
): Promise<void> {
  if (stripsAtOnce(handle)) return;
  const on = { iam: context.root.iam, user: handle.user, signal: context.signal };
  if (handle.unlisted !== undefined) return await sweepUser(on);
  await removeBelongings(
    [
      inlinePolicy,
      ...(handle.arns ?? []).map((id) => ({ belonging: "attachedPolicy", id }) as const),
      ...(handle.groups ?? []).map((id) => ({ belonging: "group", id }) as const),
    ],
    on,
  );
}
