import { type LeaseTags, leaseTagsOf } from "../tags.ts";
import { leaseUuidOf } from "../user-name.ts";

/** A user whose name or tags are not those of a leased user: never touched. */
export interface UntaggedUser {
  readonly state: "untagged";
  readonly user: string;
  readonly path: string;
  readonly why: string;
}

/** A user that could not be looked at. */
export interface UncheckedUser {
  readonly state: "unchecked";
  readonly user: string;
  readonly path: string;
  readonly why: string;
}

/** A user whose lease is known. */
export interface LiveUser {
  readonly state: "live";
  readonly user: string;
  readonly path: string;
}

/**
 * A leased user whose lease is not known: an orphan, one that is over for longer than the grace, or one that is tagged for another mount.
 */
export interface LeaselessUser {
  readonly state: "orphan" | "expired orphan" | "foreign";
  readonly user: string;
  readonly path: string;
  /** Request path that it was issued at, by its tags. */
  readonly leasePath: string;
  readonly tags: LeaseTags;
}

/** A user that lies at a path of leased users. */
export type FoundUser = UntaggedUser | UncheckedUser | LiveUser | LeaselessUser;

/** Says whether a name ends as the names of all leased users do. */
export function isNamedForLease(user: string): boolean {
  return /(^|-)[0-9a-f]{32}$/.test(user);
}

/** The role in a name of the usual form, where it is not cut; it may also be none. */
export function roleInName(user: string): string | undefined {
  return /^leasehold-(.{1,21})-[0-9a-f]{32}$/.exec(user)?.[1];
}

/** Reads the tags of a user, where they are those of the lease that it is named for. */
export function ownTagsOf(user: string, tags: Readonly<Record<string, string>>): LeaseTags | undefined {
  const own = leaseTagsOf(tags);
  return own?.leaseUuid === leaseUuidOf(user) ? own : undefined;
}
