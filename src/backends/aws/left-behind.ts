import { defaultUserPath } from "./role.ts";
import type { UserHandle } from "./user-handle.ts";

/** Says which user at AWS a person has to look after once its lease is forgotten. */
export function userLeftBehind(
  handle: UserHandle,
  { isDisarmed }: { readonly isDisarmed: boolean },
): string[] {
  const { user, path = defaultUserPath, account, root, key } = handle;
  const where = account === undefined ? `the account of the root key ${root}` : `account ${account}`;
  const keys = isDisarmed
    ? "whose access key was deleted"
    : key === undefined
      ? "with every access key that it has"
      : `with its access key ${key}`;
  return [`IAM user "${user}" with the path "${path}" in ${where}, ${keys}.`];
}
