import type { RenewContext } from "../../core/backend.ts";
import { CoreError } from "../../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import { coreErrorOf, isAwsFailure } from "./aws-failure.ts";
import { inlinePolicyOf } from "./equip-user.ts";
import { inlinePolicyName } from "./guard.ts";
import { resend } from "./resend.ts";
import type { RootAccess } from "./root-access.ts";
import { expiryTags } from "./tags.ts";
import type { UserHandle } from "./user-handle.ts";
import { guardReachMs, isCovered } from "./users/guard-reach.ts";
import { wave } from "./wave.ts";

/** A user that is a few seconds old may not be seen yet; one that is gone stays gone. */
const absentRetriesMax = 3;

/**
 * Moves the guard of a leased user and the tag with it, where they do not cover the new end of the lease, or lie too far behind it;
 * answers the handle that says what they cover then, and undefined where AWS was not asked. The document is read
 * back from AWS and not from the role: the role may have changed, and a renewal must not change what a user may do.
 */
export async function renewUser(
  handle: UserHandle,
  context: RenewContext & { readonly access: RootAccess },
): Promise<UserHandle | undefined> {
  if (isCovered(handle.guardedToMs, context)) return undefined;
  const { expiresAtMs, ttlMs, signal } = context;
  const { iam, clock, retriesMax } = await context.access.open();
  const { user, unguarded } = handle;
  const guardedToMs = expiresAtMs + guardReachMs(ttlMs);
  const send = <T>(call: () => Promise<T>) =>
    resend(call, {
      clock,
      signal,
      retriesMax: { absent: absentRetriesMax, throttled: retriesMax, unknown: retriesMax },
    });
  const readDocument = async () => {
    const text = await send(() => iam.getInlinePolicy({ user, policy: inlinePolicyName, signal }));
    return parsePolicy(user, text);
  };
  try {
    const isRead = unguarded === undefined && handle.document !== undefined;
    const written = isRead ? await readDocument() : undefined;
    const document =
      unguarded === undefined ? inlinePolicyOf(written, { ...handle, guardedToMs }) : undefined;
    await wave([
      ...(document === undefined
        ? []
        : [send(() => iam.putInlinePolicy({ user, policy: inlinePolicyName, document, signal }))]),
      send(() => iam.tagUser({ user, tags: expiryTags(guardedToMs), signal })),
    ]);
    return { ...handle, guardedToMs };
  } catch (error) {
    throw isAwsFailure(error) ? coreErrorOf(error, `move the end of user "${user}"`) : error;
  }
}

function parsePolicy(user: string, text: string): JsonObject {
  let policy: JsonValue = null;
  try {
    policy = JSON.parse(text);
  } catch {
    // Told below, like every other text that is no policy.
  }
  if (isJsonObject(policy)) return policy;
  throw new CoreError(
    "BACKEND_REFUSED",
    `Cannot move the end of user "${user}": its inline policy "${inlinePolicyName}" is not a JSON object any more. Revoke the lease and issue another.`,
    { details: { user } },
  );
}
