import { awsTime } from "./aws-time.ts";
import type { ExistingUser, Tags } from "./iam.ts";
import { roleNamePattern } from "./role.ts";

/** What the keys of our own tags begin with; no role may set one. */
export const reservedTagPrefix = "leasehold:";

const leaseTag = `${reservedTagPrefix}lease`;
const mountTag = `${reservedTagPrefix}mount`;
const expiresTag = `${reservedTagPrefix}expires`;
const roleTag = `${reservedTagPrefix}role`;

/** How many tags we set ourselves, out of the 50 that IAM allows. */
export const ownTagCount = 4;

/** All tags of a new user. They make it possible to find every leased user, and what it was for, without the storage. */
export function tagsOf(user: {
  readonly leaseUuid: string;
  readonly accessor: string;
  readonly role: string;
  /** The end that the guard covers. */
  readonly guardedToMs: number;
  readonly iamTags: Tags;
}): Tags {
  return {
    ...user.iamTags,
    [leaseTag]: user.leaseUuid,
    [mountTag]: user.accessor,
    // Tags cannot have the comma that role names can, and role names cannot have the colon.
    [roleTag]: user.role.replaceAll(",", ":"),
    ...expiryTags(user.guardedToMs),
  };
}

/**
 * The tag that moves together with the guard: the end that the guard covers, so that it never says an end before the lease's. Who
 * finds the user without its lease waits at most as much longer as the guard reaches ahead.
 */
export function expiryTags(guardedToMs: number): Tags {
  return { [expiresTag]: awsTime(guardedToMs) };
}

/** Says whether a user carries the tag of a lease. */
export function isTaggedFor(user: ExistingUser, leaseUuid: string): boolean {
  return user.tags[leaseTag]?.toLowerCase() === leaseUuid.toLowerCase();
}

/** What the tags of a leased user say of its lease. */
export interface LeaseTags {
  readonly leaseUuid: string;
  readonly accessor: string;
  readonly role: string;
  /** The end that the guard covers, in milliseconds since 1970. */
  readonly guardedToMs: number;
}

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** Reads the tags of a leased user; undefined where one is missing, or was changed into what we never write. */
export function leaseTagsOf(tags: Tags): LeaseTags | undefined {
  const leaseUuid = tags[leaseTag] ?? "";
  const accessor = tags[mountTag] ?? "";
  const role = (tags[roleTag] ?? "").replaceAll(":", ",");
  const expires = tags[expiresTag] ?? "";
  const guardedToMs = timePattern.test(expires) ? Date.parse(expires) : Number.NaN;
  const isWhole = uuidPattern.test(leaseUuid) && accessor !== "" && roleNamePattern.regexp.test(role);
  return isWhole && !Number.isNaN(guardedToMs) ? { leaseUuid, accessor, role, guardedToMs } : undefined;
}
