import type { JsonObject } from "../../../core/json.ts";
import { awsTime } from "../aws-time.ts";
import { leaseIdOf } from "./find-orphans.ts";
import type { FoundUser, LeaselessUser } from "./found-user.ts";
import type { OrphanOutcome } from "./orphan-outcome.ts";
import type { Sweep } from "./orphan-sweep.ts";

/** Users in one answer: a thousand make some 300 KiB. Their numbers are of all. */
const shownMax = 1000;

/** What there is of one kind. */
export function foundAs(found: readonly FoundUser[], state: FoundUser["state"]): number {
  return found.filter((user) => user.state === state).length;
}

/** The orphans among the users that were found, all or those that are over alone. */
export function orphansOf(found: readonly FoundUser[], only?: "expired orphan"): readonly LeaselessUser[] {
  return found.flatMap((user) =>
    user.state === "expired orphan" || (user.state === "orphan" && only === undefined) ? [user] : [],
  );
}

/** How many users of each kind there are. */
export function shownNumbers({ accessor, found }: Sweep): JsonObject {
  return {
    accessor,
    live: foundAs(found, "live"),
    orphans: foundAs(found, "orphan"),
    expired_orphans: foundAs(found, "expired orphan"),
    foreign: foundAs(found, "foreign"),
    untagged: foundAs(found, "untagged"),
    unchecked: foundAs(found, "unchecked"),
  };
}

/** What was found, the live users as a number alone. */
export function shownUsers(found: readonly FoundUser[]): JsonObject[] {
  return found
    .filter(({ state }) => state !== "live")
    .slice(0, shownMax)
    .map(shownUser);
}

function shownUser(found: FoundUser): JsonObject {
  const { user, path, state } = found;
  if (state === "live") return { user, path, state };
  if (state === "untagged" || state === "unchecked") return { user, path, state, why: found.why };
  const { accessor, role, guardedToMs } = found.tags;
  return {
    ...{ user, path, state, accessor, role },
    lease: leaseIdOf(found),
    expires: awsTime(guardedToMs),
  };
}

/** What came of a pass, by the word for what was done. */
export function shownOutcome(word: string, { done, left }: OrphanOutcome): JsonObject {
  return {
    [word]: done.length,
    [`${word}_users`]: done.slice(0, shownMax),
    left: left.length,
    left_users: left.slice(0, shownMax).map(({ user, why }) => ({ user, why })),
  };
}

/** Tells where not all users could be looked at, or shown. */
export function sweepWarnings({ found }: Sweep): string[] {
  const unchecked = foundAs(found, "unchecked");
  const shown = found.length - foundAs(found, "live");
  return [
    ...(unchecked === 0
      ? []
      : [`${unchecked} users could not be looked at, and may be orphans as well. Ask again.`]),
    ...(shown > shownMax
      ? [`Of ${shown} users, ${shownMax} are shown at most; the numbers are of all.`]
      : []),
  ];
}
