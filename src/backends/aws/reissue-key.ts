import type { Created, ReissueContext } from "../../core/backend.ts";
import { coreErrorOf, isAwsFailure } from "./aws-failure.ts";
import { createOnlyKey } from "./create-access-key.ts";
import { checkOwnUser } from "./own-user.ts";
import { resend, visibilityRetriesMax } from "./resend.ts";
import type { OpenRoot } from "./root-access.ts";
import type { UserHandle, UserInput } from "./user-handle.ts";
import { tellKey } from "./users/wait-for-ready.ts";

/** What is stored before the key of a leased user is replaced: a revocation then deletes every key that it finds. */
export function planReissueKey({ key, ...handle }: UserHandle): UserHandle {
  return key === undefined ? handle : { ...handle, old: key };
}

/**
 * Replaces the access key of a leased user by a new one. The deletion of the earlier key is acknowledged before the next is
 * asked for, so that there are never two: a key that AWS does not find may only not have come to light yet, and ends the attempt.
 */
export async function reissueKey(
  handle: UserHandle,
  context: ReissueContext<UserInput> & { readonly root: OpenRoot },
): Promise<Created<UserHandle>> {
  const { root, signal, endsAtMs, input } = context;
  const { iam, clock, retriesMax } = root;
  const { user } = handle;
  const send = <T>(call: () => Promise<T>) =>
    resend(call, {
      clock,
      signal,
      retriesMax: { absent: visibilityRetriesMax, throttled: retriesMax, unknown: retriesMax },
    });
  try {
    checkOwnUser(await send(() => iam.getUser({ user, signal })), handle);
    const { old, ...rest } = handle;
    if (old !== undefined) await send(removalOf(old, { user, root, signal }));
    const key = await createOnlyKey({ user, root, signal, going: signal, mayHaveKeys: true });
    const told = await tellKey(key, { probe: input?.probe, clock, signal, endsAtMs });
    return { ...told, handle: { ...rest, key: key.id } };
  } catch (error) {
    throw isAwsFailure(error) ? coreErrorOf(error, `replace the access key of user "${user}"`) : error;
  }
}

/** A call that deletes a key. Sent again after it had no answer, "no such key" means that it worked. */
function removalOf(
  id: string,
  { user, root, signal }: { readonly user: string; readonly root: OpenRoot; readonly signal: AbortSignal },
): () => Promise<void> {
  let mayHaveWorked = false;
  return async () => {
    try {
      await root.iam.remove({ user, belonging: "accessKey", id, signal });
    } catch (error) {
      if (mayHaveWorked && isAwsFailure(error, "absent")) return;
      if (isAwsFailure(error, "unknown")) mayHaveWorked = true;
      throw error;
    }
  };
}
