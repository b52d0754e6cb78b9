import { defaultUserPath } from "../role.ts";
import type { OpenRoot } from "../root-access.ts";
import type { UserHandle } from "../user-handle.ts";
import type { LeaselessUser } from "./found-user.ts";

/**
 * The handle of a user as its lease would have it, as far as its tags tell. What is attached to it is not known: a revocation asks AWS
 * for that.
 */
export function orphanHandle(
  { user, path, tags }: LeaselessUser,
  { account, accessKey, name = accessKey }: Pick<OpenRoot, "account" | "accessKey" | "name">,
): UserHandle {
  return {
    user,
    ...(path === defaultUserPath ? {} : { path }),
    ...(account === undefined ? { root: name } : { account }),
    unlisted: 1,
    guardedToMs: tags.guardedToMs,
  };
}
