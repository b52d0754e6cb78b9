/**
 * What a call is for, the most urgent first: making a key useless, the rest of a revocation, and what makes
 * or renews. A class waits while one before it does.
 */
export const callClasses = ["disarm", "tidy", "issue"] as const;

/** One of `callClasses`. */
export type CallClass = (typeof callClasses)[number];

/** A call's place among those that wait. */
export interface CallTurn {
  readonly class: CallClass;
  /** Goes on with what was begun, and so comes before what would begin something. */
  readonly isFollowUp: boolean;
  /** Aborting it takes the call out. */
  readonly signal: AbortSignal;
}
