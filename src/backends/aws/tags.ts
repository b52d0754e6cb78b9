import { awsTime } from "./aws-time.ts";
import type { ExistingUser, Tags } from "./iam.ts";

/** What the keys of our own tags begin with; no role may set one. */
export const reservedTagPrefix = "leasehold:";

const leaseTag = `${reservedTagPrefix}lease`;
const mountTag = `${reservedTagPrefix}mount`;
const expiresTag = `${reservedTagPrefix}expires`;

/** How many tags we set ourselves, out of the 50 that IAM allows. */
export const ownTagCount = 3;

/** All tags of a new user. They make it possible to find every leased user, and what it was for, without the storage. */
export function tagsOf(user: {
  readonly leaseUuid: string;
  readonly accessor: string;
  readonly expiresAtMs: number;
  readonly iamTags: Tags;
}): Tags {
  return {
    ...user.iamTags,
    [leaseTag]: user.leaseUuid,
    [mountTag]: user.accessor,
    ...expiryTags(user.expiresAtMs),
  };
}

/** The tag that a renewal moves. */
export function expiryTags(expiresAtMs: number): Tags {
  return { [expiresTag]: awsTime(expiresAtMs) };
}

/** Says whether a user carries the tag of a lease. */
export function isTaggedFor(user: ExistingUser, leaseUuid: string): boolean {
  return user.tags[leaseTag]?.toLowerCase() === leaseUuid.toLowerCase();
}
