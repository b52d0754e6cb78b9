import { leaseId } from "../../../core/lease.ts";
import type { MountLeases } from "../../../core/mount-leases.ts";
import { coreErrorOf, isAwsFailure } from "../aws-failure.ts";
import type { ExistingUser, ListedUser } from "../iam.ts";
import { resend } from "../resend.ts";
import type { OpenRoot } from "../root-access.ts";
import { leaseUuidOf } from "../user-name.ts";
import { type FoundUser, isNamedForLease, type LeaselessUser, ownTagsOf, roleInName } from "./found-user.ts";
import { inParallel } from "./in-parallel.ts";
import type { SweepScope } from "./sweep-scope.ts";

/** Users that are looked at at a time. The budget of the account paces the calls; this bounds those that wait for it. */
const checksAtOnce = 16;

/** What a search for orphans works with. */
export interface OrphanSearch {
  readonly root: OpenRoot;
  readonly leases: MountLeases;
  readonly mountPath: string;
  /** Accessor whose users count; those of others are foreign. */
  readonly accessor: string;
  readonly scope: SweepScope;
  readonly signal: AbortSignal;
  /** Once it says true, no further user is looked at. */
  readonly isOver: () => boolean;
}

/**
 * Lists the users at the paths of leased users, with what each of them is. Whether a lease is known is looked up after the user was
 * listed: a lease is stored before its user is made, so that one that is being issued is never taken for an orphan. Rejects with
 * `BACKEND_REFUSED` or `BACKEND_UNAVAILABLE` where users cannot be listed; one that cannot be looked at is `unchecked`.
 */
export async function findOrphans(search: OrphanSearch): Promise<readonly FoundUser[]> {
  const listed = await listCandidates(search);
  const found: FoundUser[] = [];
  await inParallel(listed, checksAtOnce, async (user) => {
    const checked = await check(user, search);
    if (checked !== undefined) found.push(checked);
  });
  return found.sort((one, other) => (one.user < other.user ? -1 : 1));
}

/** Lists the users of all paths. The path `/` is everybody's: there, only users that are named like leased ones are looked at. */
async function listCandidates({ root, scope, signal }: OrphanSearch): Promise<readonly ListedUser[]> {
  const users = new Map<string, ListedUser>();
  for (const pathPrefix of scope.userPaths) {
    const listed = await again(() => root.iam.listUsers({ pathPrefix, signal }), { root, signal }).catch(
      (error: unknown) => {
        throw isAwsFailure(error) ? coreErrorOf(error, `list the users below "${pathPrefix}"`) : error;
      },
    );
    for (const user of listed) {
      if (pathPrefix !== "/" || isNamedForLease(user.user)) users.set(user.user, user);
    }
  }
  return [...users.values()];
}

/** Finds out what a user is; undefined where it is gone by now. */
async function check({ user, path }: ListedUser, search: OrphanSearch): Promise<FoundUser | undefined> {
  const { leases, mountPath, isOver } = search;
  if (!isNamedForLease(user)) {
    return { state: "untagged", user, path, why: "Its name does not end in the digits of a lease." };
  }
  if (isOver()) return { state: "unchecked", user, path, why: "There was no time left. Ask again." };
  const leaseUuid = leaseUuidOf(user);
  // Most users tell their lease by name, and have one: that spares the call to AWS.
  const role = roleInName(user);
  if (role !== undefined && (await leases.isKnown(`${mountPath}/creds/${role}`, leaseUuid))) {
    return { state: "live", user, path };
  }
  let existing: ExistingUser;
  try {
    existing = await again(() => search.root.iam.getUser({ user, signal: search.signal }), search);
  } catch (error) {
    if (!isAwsFailure(error)) throw error;
    if (error.kind === "absent") return undefined;
    return { state: "unchecked", user, path, why: coreErrorOf(error, "look at it").message };
  }
  // The path as it was listed: a user that was moved since is not removed.
  return await judge({ user, path }, existing, search);
}

async function judge(
  { user, path }: ListedUser,
  existing: ExistingUser,
  { leases, mountPath, accessor, scope }: OrphanSearch,
): Promise<FoundUser> {
  const tags = ownTagsOf(user, existing.tags);
  if (tags === undefined) {
    const why = "It lacks the tags of a leased user, or they are not those of the lease in its name.";
    return { state: "untagged", user, path, why };
  }
  const leasePath = `${mountPath}/creds/${tags.role}`;
  if (await leases.isKnown(leasePath, tags.leaseUuid)) return { state: "live", user, path };
  const found = { user, path, leasePath, tags };
  if (tags.accessor !== accessor) return { state: "foreign", ...found };
  const isOver = (await leases.nowMs()) >= tags.guardedToMs + scope.graceMsOf(tags.role);
  return { state: isOver ? "expired orphan" : "orphan", ...found };
}

/** The id of the lease that a user had, by its tags. */
export function leaseIdOf({ leasePath, tags }: LeaselessUser): string {
  return leaseId(leasePath, tags.leaseUuid);
}

/** Sends a call that only reads again where AWS had no time for it or gave no answer. */
export function again<T>(
  call: () => Promise<T>,
  { root, signal }: Pick<OrphanSearch, "root" | "signal">,
): Promise<T> {
  const { clock, retriesMax } = root;
  return resend(call, { clock, signal, retriesMax: { throttled: retriesMax, unknown: retriesMax } });
}
