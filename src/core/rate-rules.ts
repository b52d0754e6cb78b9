/** How a rate that is shared by all servers follows what the vendor takes. Shares are parts of 1. */
export interface RateRules {
  /** Share of what went through in the second before the first throttled call that the rate begins with. */
  readonly firstShare: number;
  /** Calls a second that are tried whatever happens: otherwise nobody would find out when the vendor takes calls again. */
  readonly perSecondMin: number;
  /** The rate is cut once in so long at most: calls that were under way together are throttled together. In milliseconds. */
  readonly cutEveryMs: number;
  /** What is left of the rate after a cut, at most and at least. */
  readonly cutShareMax: number;
  readonly cutShareMin: number;
  /** What is left of the calls that went through in the last second, where that is between the two. */
  readonly wentShare: number;
  /** Share of the cut rate that is added for each second without a cut. */
  readonly growthShare: number;
  /** Share that is added besides for the square of each second after `fastAfterSeconds`: what was cut by mistake comes back. */
  readonly fastGrowthShare: number;
  readonly fastAfterSeconds: 15;
  /** Calls that were not made can be made up for, as many as come in this time. In seconds. */
  readonly burstSeconds: number;
  /** Grants are handed out in batches of what comes in this time, or singly. In seconds. */
  readonly batchSeconds: number;
  /** Share that the last class gets before all others, while it asks. */
  readonly reservedShare: number;
  /** How long a class that did not get what it asked for holds back those after it, unless it asks again. In milliseconds. */
  readonly heldBackMs: number;
  /** Without a throttled call for so long there is no limit any more. In milliseconds. */
  readonly memoryMs: number;
}

/**
 * The rules that all servers go by. A cut takes a tenth as a rule, and it takes five seconds to grow that back: so the rate stays close
 * to what the vendor takes, and one call in a hundred is throttled for finding out.
 */
export const rateRules: RateRules = {
  firstShare: 0.9,
  perSecondMin: 2,
  cutEveryMs: 1000,
  cutShareMax: 0.9,
  cutShareMin: 0.5,
  wentShare: 0.95,
  growthShare: 0.02,
  fastGrowthShare: 0.02,
  fastAfterSeconds: 15,
  burstSeconds: 0.5,
  batchSeconds: 0.1,
  reservedShare: 0.15,
  heldBackMs: 1000,
  memoryMs: 180_000,
};
