import type { CreateContext } from "../../core/backend.ts";
import { AwsFailure, coreErrorOf, isAwsFailure } from "./aws-failure.ts";
import { createOnlyKey } from "./create-access-key.ts";
import { inlinePolicyName, withGuard } from "./guard.ts";
import type { NewAccessKey } from "./iam.ts";
import { resend, visibilityRetriesMax } from "./resend.ts";
import type { UserInput } from "./user-handle.ts";

/**
 * Gives a new user its permissions, the guard and its access key, all at once.
 * It settles only when every call has, so that nothing is created behind the
 * back of the revocation that follows a failure.
 */
export async function equipUser(user: string, context: CreateContext<UserInput>): Promise<NewAccessKey> {
  const { signal, expiresAtMs } = context;
  const { role, root } = context.input;
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
  const document = JSON.stringify(withGuard(role.document, expiresAtMs));
  give(inlinePolicyName, () => iam.putInlinePolicy({ user, policy: inlinePolicyName, document, signal }));
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
