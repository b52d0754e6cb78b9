import type { JsonObject } from "../../core/json.ts";
import { AwsFailure, coreErrorOf, isAwsFailure } from "./aws-failure.ts";
import { createOnlyKey } from "./create-access-key.ts";
import { defaultGuardGraceMs, inlinePolicyName, withGuard } from "./guard.ts";
import type { NewAccessKey } from "./iam.ts";
import { resend, visibilityRetriesMax } from "./resend.ts";
import type { Role } from "./role.ts";
import type { OpenRoot } from "./root-access.ts";
import type { UserHandle } from "./user-handle.ts";

/** How to equip a user. */
export interface EquipUserContext {
  /** The role, with values in place of its variables. */
  readonly role: Role;
  readonly root: OpenRoot;
  /** The end of the lease that the guard is to cover. */
  readonly guardedToMs: number;
  /** Once this aborts nothing is sent any more. */
  readonly signal: AbortSignal;
}

/** The inline policy that a user is to have, as JSON text; undefined where it has neither a document nor a guard. */
export function inlinePolicyOf(
  document: JsonObject | undefined,
  guard: Pick<UserHandle, "unguarded" | "guardGraceMs"> & { readonly guardedToMs: number },
): string | undefined {
  const { unguarded, guardedToMs, guardGraceMs: graceMs = defaultGuardGraceMs } = guard;
  if (unguarded === undefined) return JSON.stringify(withGuard(document, { guardedToMs, graceMs }));
  return document && JSON.stringify(document);
}

/**
 * Gives a new user its permissions, the guard and its access key, all at once.
 * It settles only when every call has, so that nothing is created behind the
 * back of the revocation that follows a failure.
 */
export async function equipUser(handle: UserHandle, context: EquipUserContext): Promise<NewAccessKey> {
  const { signal, role, root, guardedToMs } = context;
  const { user } = handle;
  const { iam, clock, retriesMax } = root;
  const stop = new AbortController();
  // What is on its way is not torn off when a call beside it fails, but nothing is sent any more.
  const going = AbortSignal.any([signal, stop.signal]);
  const steps: Promise<unknown>[] = [];
  const start = <T>(step: Promise<T>): Promise<T> => {
    steps.push(step.catch((error: unknown) => stop.abort(error)));
    return step;
  };
  const give = (thing: string, call: () => Promise<void>) =>
    start(
      resend(
        () => call().catch((error: unknown) => Promise.reject(refusedIfMissing(error, { thing, user }))),
        {
          clock,
          signal: going,
          retriesMax: { absent: visibilityRetriesMax, throttled: retriesMax, unknown: retriesMax },
        },
      ),
    );

  const key = start(createOnlyKey({ user, root, signal, going }));
  const document = inlinePolicyOf(role.document, { ...handle, guardedToMs });
  if (document !== undefined) {
    give(inlinePolicyName, () => iam.putInlinePolicy({ user, policy: inlinePolicyName, document, signal }));
  }
  for (const arn of role.policyArns) give(arn, () => iam.attachPolicy({ user, arn, signal }));
  for (const group of role.groups) give(group, () => iam.addToGroup({ user, group, signal }));

  await Promise.all(steps);
  if (stop.signal.aborted) {
    const reason: unknown = stop.signal.reason;
    throw isAwsFailure(reason) ? coreErrorOf(reason, `give user "${user}" its key and permissions`) : reason;
  }
  return key;
}

/**
 * Tells "no such policy" and "no such group", which are final, from "no such
 * user", which a new user is for a while. The code is the same; AWS's message names what is missing.
 */
function refusedIfMissing(error: unknown, names: { readonly thing: string; readonly user: string }): unknown {
  if (!isAwsFailure(error, "absent")) return error;
  const isAboutThing = error.message.includes(names.thing) && !error.message.includes(names.user);
  return isAboutThing ? new AwsFailure("refused", error.code, error) : error;
}
