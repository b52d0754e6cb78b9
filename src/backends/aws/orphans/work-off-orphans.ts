import type { LeaselessUser } from "./found-user.ts";
import { inParallel } from "./in-parallel.ts";
import { LeaveOrphan, type LeftOrphan, type OrphanOutcome, whyLeft } from "./orphan-outcome.ts";

/** Orphans that are worked on at a time: a pass may take long, and leaves room for what is urgent. */
const orphansAtOnce = 8;

/** How to work off orphans. */
export interface OrphanWork {
  /** Completes "Cannot …" for one user. */
  readonly doing: string;
  /** How many are worked on at most, the rest is left. */
  readonly countMax: number;
  /** Once it says true, no further orphan is begun. */
  readonly isOver: () => boolean;
  /** What is done with one; rejects with `LeaveOrphan` to leave it. */
  work(orphan: LeaselessUser): Promise<void>;
}

/** Works off orphans, those first that were over first. What goes wrong with one does not stop the others. */
export async function workOffOrphans(
  orphans: readonly LeaselessUser[],
  { doing, countMax, isOver, work }: OrphanWork,
): Promise<OrphanOutcome> {
  const inOrder = [...orphans].sort((one, other) => one.tags.guardedToMs - other.tags.guardedToMs);
  const done: string[] = [];
  const left: LeftOrphan[] = inOrder.slice(countMax).map(({ user }) => ({
    user,
    why: `One pass takes ${countMax} at most. Look whether the others were right, and ask again.`,
  }));
  await inParallel(inOrder.slice(0, countMax), orphansAtOnce, async (orphan) => {
    const { user } = orphan;
    try {
      if (isOver()) throw new LeaveOrphan("There was no time left. Ask again.");
      await work(orphan);
      done.push(user);
    } catch (error) {
      left.push({ user, why: whyLeft(error, `${doing} "${user}"`) });
    }
  });
  return { done: done.sort(), left };
}
