import { type CreateContext, type Created, NothingCreated } from "../../core/backend.ts";
import { CoreError } from "../../core/errors.ts";
import { type AwsFailure, coreErrorOf, isAwsFailure } from "./aws-failure.ts";
import { equipUser } from "./equip-user.ts";
import { pauseMs, resend, stopReason, throwIfStopped, visibilityRetriesMax } from "./resend.ts";
import { isTaggedFor, tagsOf } from "./tags.ts";
import { renderRole } from "./templates/render-role.ts";
import { templateValuesOf } from "./templates/template-values.ts";
import type { UserHandle, UserInput } from "./user-handle.ts";
import { leaseUuidOf } from "./user-name.ts";
import { guardReachMs } from "./users/guard-reach.ts";
import { tellKey } from "./users/wait-for-ready.ts";

/** How to create the user of a lease. */
export interface CreateUserContext extends CreateContext<UserInput> {
  /** Accessor of the mount, for the user's tags. */
  readonly accessor: string;
}

/**
 * Makes a leased user in two round trips: the user, and then everything it
 * has at once. Where the caller wants to wait for that, AWS is then asked until it knows the key. Rejects with
 * `NothingCreated` where AWS refused the user and none can exist.
 */
export async function createUser(
  handle: UserHandle,
  context: CreateUserContext,
): Promise<Created<UserHandle>> {
  const { input, ids, issuedAtMs, expiresAtMs, signal, endsAtMs } = context;
  const { root, probe } = input;
  const role = renderRole(input.role, templateValuesOf(input.source, ids));
  const guardedToMs = expiresAtMs + guardReachMs(expiresAtMs - issuedAtMs);
  await claimRoom(context);
  await createBareUser(handle.user, { ...context, input: { ...input, role }, guardedToMs });
  const key = await equipUser(handle, { role, root, guardedToMs, signal });
  const told = await tellKey(key, { probe, clock: root.clock, signal, endsAtMs });
  return { ...told, handle: { ...handle, key: key.id, guardedToMs } };
}

/** Makes sure that the account has room for one more user, before anything is made. */
async function claimRoom({ input }: CreateUserContext): Promise<void> {
  try {
    await input.root.claimUser?.();
  } catch (error) {
    throw error instanceof CoreError ? new NothingCreated(error) : error;
  }
}

/** Creates the user itself. After a lost reply the name may be taken by our own user, which its tag tells. */
async function createBareUser(
  user: string,
  context: CreateUserContext & { readonly guardedToMs: number },
): Promise<void> {
  const { signal, guardedToMs, accessor } = context;
  const { role, root } = context.input;
  const tags = tagsOf({
    ...{ leaseUuid: leaseUuidOf(user), accessor, role: context.ids.role, guardedToMs },
    iamTags: role.tags,
  });
  let isInDoubt = false;
  for (let failures = 0; ; failures++) {
    if (signal.aborted) throw isInDoubt ? stopReason(signal) : nothingCreated(stopReason(signal));
    try {
      const { userPath: path, boundaryArn } = role;
      return await root.iam.createUser({ user, path, tags, boundaryArn, signal });
    } catch (error) {
      if (!isAwsFailure(error)) throw error;
      if (error.kind === "unknown") isInDoubt = true;
      // Why it was not sent says more than that the time is over.
      if (error.kind !== "unsent") throwIfStopped(signal);
      if (error.kind === "exists") return await takeOwnUser(user, { context, failure: error });
      const reason = coreErrorOf(error, `create user "${user}"`);
      const isDefinite = error.kind !== "throttled" && error.kind !== "unknown";
      if (isDefinite) throw isInDoubt ? reason : nothingCreated(reason);
      if (failures >= root.retriesMax) throw reason;
    }
    await root.clock.sleep(pauseMs(failures), signal);
    // A process that got no time for long wakes from this pause before the limit on its creating calls, which is due as well,
    // has had its turn: it must, or a user would be made whose lease has ended.
    await root.clock.sleep(0, signal);
  }
}

function nothingCreated(reason: Error): Error {
  return reason instanceof CoreError ? new NothingCreated(reason) : reason;
}

/** Goes on with a user that exists, if it is the one of this lease; right after its creation AWS may not find it yet. */
async function takeOwnUser(
  user: string,
  options: { readonly context: CreateUserContext; readonly failure: AwsFailure },
): Promise<void> {
  const { signal, input } = options.context;
  const { iam, clock, retriesMax } = input.root;
  const found = await resend(() => iam.getUser({ user, signal }), {
    clock,
    signal,
    retriesMax: { absent: visibilityRetriesMax, throttled: retriesMax, unknown: retriesMax },
  }).catch((error: unknown) => {
    throw isAwsFailure(error) ? coreErrorOf(error, `find out whose user "${user}" is`) : error;
  });
  if (isTaggedFor(found, leaseUuidOf(user))) return;
  throw new NothingCreated(coreErrorOf(options.failure, `create user "${user}"`));
}
