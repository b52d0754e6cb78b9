import { CoreError } from "../../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import { coreErrorOf, isAwsFailure } from "./aws-failure.ts";
import { inlinePolicyName, withGuard } from "./guard.ts";
import { resend } from "./resend.ts";
import type { OpenRoot } from "./root-access.ts";
import { expiryTags } from "./tags.ts";
import type { UserHandle } from "./user-handle.ts";
import { wave } from "./wave.ts";

/** A user that is a few seconds old may not be seen yet; one that is gone stays gone. */
const absentRetriesMax = 3;

/**
 * Moves the guard and the expiry tag of a leased user. The document is read
 * back from AWS and not from the role: the role may have changed, and a renewal must not change what a user may do.
 */
export async function renewUser(
  handle: UserHandle,
  context: { readonly root: OpenRoot; readonly expiresAtMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { expiresAtMs, signal } = context;
  const { iam, clock, retriesMax } = context.root;
  const { user } = handle;
  const send = <T>(call: () => Promise<T>) =>
    resend(call, {
      clock,
      signal,
      retriesMax: { absent: absentRetriesMax, throttled: retriesMax, unknown: retriesMax },
    });
  try {
    const current =
      handle.document === undefined
        ? undefined
        : parsePolicy(
            user,
            await send(() => iam.getInlinePolicy({ user, policy: inlinePolicyName, signal })),
          );
    const document = JSON.stringify(withGuard(current, expiresAtMs));
    await wave([
      send(() => iam.putInlinePolicy({ user, policy: inlinePolicyName, document, signal })),
      send(() => iam.tagUser({ user, tags: expiryTags(expiresAtMs), signal })),
    ]);
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
