import type { SecretIds } from "../../core/backend.ts";
import { defaultUserPath, type Role } from "./role.ts";
import type { OpenRoot } from "./root-access.ts";
import { userNameOf } from "./user-name.ts";

/**
 * What a revocation needs to know about a leased user. It is stored with every
 * lease, and so is kept short: what has its usual value is left out.
 */
export type UserHandle = {
  /** Name of the user, which also tells the lease. */
  readonly user: string;
  /** Path of the user, where it is not the usual one. */
  readonly path?: string;
  /** Account of the root key that made the user; left out where it was not known. */
  readonly account?: string;
  /** Root key's id, only where the account was not known: the next best way to tell one account from another. */
  readonly root?: string;
  /** The inline policy holds the role's document besides the guard. */
  readonly document?: 1;
  /** ARNs of the attached policies, and names of the groups. */
  readonly arns?: readonly string[];
  readonly groups?: readonly string[];
  /** The attachments are too long to be kept here: a revocation asks AWS for them. */
  readonly unlisted?: 1;
  /** Id of the access key, once the user was made whole. */
  readonly key?: string;
  /** Id of the access key before, while a new one is being made in its place. */
  readonly old?: string;
  /** DeleteUser was sent, and perhaps worked; the key was deleted before. */
  readonly sent?: 1;
};

/** Longest planned handle, in bytes of JSON. The sealed lease has 2 KiB, and the key and the flags come on top. */
export const plannedHandleBytesMax = 1200;

/** What the paths give the secret type to make a user from. */
export interface UserInput {
  readonly role: Role;
  /** The root key that plans the user also makes it, so that the handle names the right account. */
  readonly root: OpenRoot;
}

/** Names the user of a lease before it exists. */
export function planUser({ role, root }: UserInput, ids: SecretIds): UserHandle {
  const bare: UserHandle = {
    user: userNameOf(ids.role, ids.leaseUuid),
    ...(role.userPath === defaultUserPath ? {} : { path: role.userPath }),
    ...(root.account === undefined ? { root: root.accessKey } : { account: root.account }),
    ...(role.document === undefined ? {} : { document: 1 }),
  };
  const listed: UserHandle = {
    ...bare,
    ...(role.policyArns.length > 0 ? { arns: role.policyArns } : {}),
    ...(role.groups.length > 0 ? { groups: role.groups } : {}),
  };
  const fits = Buffer.byteLength(JSON.stringify(listed)) <= plannedHandleBytesMax;
  return fits ? listed : { ...bare, unlisted: 1 };
}

/** Says whether the inline policy holds every permission of the user, so that it may go while the key is still alive. */
export function hasInlinePermissionsOnly(handle: UserHandle): boolean {
  return handle.arns === undefined && handle.groups === undefined && handle.unlisted === undefined;
}
