import type { SecretIds } from "../../core/backend.ts";
import { defaultGuardGraceMs } from "./guard.ts";
import { defaultUserPath, type Role } from "./role.ts";
import type { OpenRoot } from "./root-access.ts";
import { type TemplateSource, templateValuesOf } from "./templates/template-values.ts";
import { renderUserName } from "./user-name.ts";
import type { KeyProbe } from "./users/wait-for-ready.ts";

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
  /** The end of the lease that the guard, and the tag with it, covers, in milliseconds since 1970; from the moment the user was made. */
  readonly guardedToMs?: number;
  /** How long after that the guard denies, where it is not the usual time. */
  readonly guardGraceMs?: number;
  /** The user has no guard. */
  readonly unguarded?: 1;
};

/** Longest planned handle, in bytes of JSON. The sealed lease has 2 KiB, and the key and the flags come on top. */
export const plannedHandleBytesMax = 1200;

/** What the paths give the secret type to make a user from. */
export interface UserInput {
  readonly role: Role;
  /** The root key that plans the user also makes it, so that the handle names the right account. */
  readonly root: OpenRoot;
  /** Who asks, and where: for the variables in the role and in the user's name. */
  readonly source: TemplateSource;
  /** How long after the end that it covers the guard denies. */
  readonly guardGraceMs: number;
  /** Tells whether AWS knows the new key; given where the caller wants to wait for that. */
  readonly probe?: KeyProbe | undefined;
}

/** Names the user of a lease before it exists. */
export function planUser(input: UserInput, ids: SecretIds): UserHandle {
  const { role, root, source, guardGraceMs } = input;
  const isUsualGrace = guardGraceMs === defaultGuardGraceMs || !role.deadMansSwitch;
  const bare: UserHandle = {
    user: renderUserName(templateValuesOf(source, ids), root.usernameTemplate),
    ...(role.userPath === defaultUserPath ? {} : { path: role.userPath }),
    ...(root.account === undefined ? { root: root.name ?? root.accessKey } : { account: root.account }),
    ...(role.document === undefined ? {} : { document: 1 }),
    ...(role.deadMansSwitch ? {} : { unguarded: 1 }),
    ...(isUsualGrace ? {} : { guardGraceMs }),
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
