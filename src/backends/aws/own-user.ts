import { CoreError, quote } from "../../core/errors.ts";
import { isAwsFailure } from "./aws-failure.ts";
import type { ExistingUser, Iam } from "./iam.ts";
import { defaultUserPath } from "./role.ts";
import { isTaggedFor } from "./tags.ts";
import type { UserHandle } from "./user-handle.ts";
import { leaseUuidOf } from "./user-name.ts";

/** Looks up the user of a lease; undefined where AWS finds none. */
export async function findUser(
  iam: Iam,
  call: { readonly user: string; readonly signal: AbortSignal },
): Promise<ExistingUser | undefined> {
  try {
    return await iam.getUser(call);
  } catch (error) {
    if (isAwsFailure(error, "absent")) return undefined;
    throw error;
  }
}

/** Checks by path and tag that a user is the one of the lease: nobody else's is ever touched. Throws `BACKEND_REFUSED`. */
export function checkOwnUser(found: ExistingUser, handle: UserHandle): void {
  const path = handle.path ?? defaultUserPath;
  const leaseUuid = leaseUuidOf(handle.user);
  if (found.path === path && isTaggedFor(found, leaseUuid)) return;
  throw new CoreError(
    "BACKEND_REFUSED",
    `User "${handle.user}" is left as it is, for it is not the one of this lease: it should have the path ${quote(path)} ` +
      `and the tag "leasehold:lease" with ${leaseUuid}, and has the path ${quote(found.path)} and ` +
      `${JSON.stringify(found.tags["leasehold:lease"] ?? null)}. Look into who changed it; with path and tag put right, the lease is revoked at the next attempt.`,
    { details: { user: handle.user } },
  );
}
