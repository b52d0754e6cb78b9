import { isAwsFailure } from "./aws-failure.ts";
import { checkOwnUser, findUser } from "./own-user.ts";
import { NotFound, type RevocationContext, revocationError } from "./revocation.ts";
import type { OpenRoot } from "./root-access.ts";
import { removeBelongings } from "./sweep-user.ts";
import { hasInlinePermissionsOnly, type UserHandle } from "./user-handle.ts";
import { wave } from "./wave.ts";

type DisarmContext = RevocationContext & { readonly root: OpenRoot };

/**
 * Deletes the access key of a leased user. Resolves once AWS acknowledged it,
 * now or in an earlier attempt; rejects with `NotFound` where AWS finds no such key, which `destroyUser` judges.
 */
export async function disarmUser(handle: UserHandle, context: RevocationContext): Promise<void> {
  if (handle.sent !== undefined) return;
  const root = await context.access.openToRevoke("disarm");
  try {
    if (handle.key !== undefined) await deleteKey(handle, handle.key, { ...context, root });
    else await deleteEveryKey(handle, { ...context, root });
  } catch (error) {
    throw revocationError(error, `delete the access key of user "${handle.user}"`);
  }
}

/**
 * Deletes the key that the lease was issued with. It is sent again at once when there was no answer. "No such key" then
 * means that the first one worked, or that AWS does not see the key yet and did neither. DeleteUser tells which, since it
 * refuses while there is a key; but where the guard would go before that, `destroyUser` judges whether AWS has settled.
 */
async function deleteKey(handle: UserHandle, id: string, context: DisarmContext): Promise<void> {
  const call = { user: handle.user, belonging: "accessKey", id, signal: context.signal } as const;
  const { iam } = context.root;
  try {
    return await iam.remove(call);
  } catch (error) {
    if (isAwsFailure(error, "absent")) throw new NotFound(handle);
    if (!isAwsFailure(error, "unknown") || context.signal.aborted) throw error;
  }
  try {
    await iam.remove(call);
  } catch (error) {
    if (!isAwsFailure(error, "absent")) throw error;
    if (!hasInlinePermissionsOnly(handle)) throw new NotFound(handle);
  }
}

/**
 * Deletes all keys of a user that was being made when the process died, or was being given a new key. Its
 * secret was told to nobody. A list without keys is no proof, but it need not be: DeleteUser refuses while there is one.
 */
async function deleteEveryKey(handle: UserHandle, context: DisarmContext): Promise<void> {
  const { signal } = context;
  const { iam } = context.root;
  const { user } = handle;
  const found = findUser(iam, { user, signal });
  const listed = iam.list({ user, belonging: "accessKey", signal }).catch((error: unknown) => {
    if (isAwsFailure(error, "absent")) return undefined;
    throw error;
  });
  await wave<unknown>([found, listed]);
  const [owner, keys] = [await found, await listed];
  if (owner !== undefined) checkOwnUser(owner, handle);
  if (keys === undefined) throw new NotFound(handle);
  const { old } = handle;
  const isUnlisted = old !== undefined && !keys.includes(old);
  await wave([
    ...keys.map((id) => deleteKey(handle, id, context)),
    // Most likely it was deleted before; where it only was not listed yet, this finds it.
    ...(isUnlisted ? [removeBelongings([{ belonging: "accessKey", id: old }], { iam, user, signal })] : []),
  ]);
}
