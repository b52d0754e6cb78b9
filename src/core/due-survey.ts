import { hasCode } from "./errors.ts";
import type { LeaseStore } from "./lease-store.ts";
import type { Mount } from "./mount.ts";

/** Beyond this the leases of a mount are not counted: the number is for a person to judge by. */
const countedMax = 10_000;
const idsMax = 100;
const askedAtOnce = 20;

/** What is due and waits to be revoked. */
export interface DueSurvey {
  /** How many leases; of each mount at most 10,000 are counted. */
  readonly count: number;
  /** Some of them, at most 100. */
  readonly ids: readonly string[];
}

/** Looks at what is due on mounts, and leaves it alone. A mount whose part of the storage is away is passed over. */
export async function surveyDue(
  leases: Pick<LeaseStore, "peekDue">,
  mounts: readonly Mount[],
): Promise<DueSurvey> {
  let count = 0;
  const ids: string[] = [];
  const peek = async ({ record }: Mount): Promise<readonly { readonly id: string }[]> => {
    try {
      return (await leases.peekDue(record.accessor, { limit: countedMax, touch: false })).due;
    } catch (error) {
      if (hasCode(error, "STORAGE_UNAVAILABLE")) return [];
      throw error;
    }
  };
  for (let at = 0; at < mounts.length; at += askedAtOnce) {
    for (const due of await Promise.all(mounts.slice(at, at + askedAtOnce).map(peek))) {
      count += due.length;
      ids.push(...due.slice(0, idsMax - ids.length).map(({ id }) => id));
    }
  }
  return { count, ids };
}
