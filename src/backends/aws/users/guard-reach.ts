/** The share of its TTL that the guard of a lease reaches ahead, and the most that it does. */
const reachShare = 0.25;
const reachMsMax = 3_600_000;

/**
 * How far beyond the end of a lease the end lies that its guard covers, when it is written. Renewals that stay within it spare
 * themselves the calls to AWS: a lease that is renewed every minute costs one policy in a quarter of its TTL.
 */
export function guardReachMs(ttlMs: number): number {
  return Math.min(Math.floor(ttlMs * reachShare), reachMsMax);
}

/** What a renewal goes by; times in milliseconds. */
export interface GuardedRenewal {
  readonly expiresAtMs: number;
  readonly toldExpiresAtMs?: number | undefined;
  readonly ttlMs: number;
}

/**
 * Says whether a guard covers the new end of a lease, and lies no further behind it than it reaches ahead. Where the end that AWS was told
 * last does not fit what is stored of the guard, somebody was about to move it: then nothing is relied on.
 */
export function isCovered(guardedToMs: number | undefined, renewal: GuardedRenewal): boolean {
  const { expiresAtMs, toldExpiresAtMs, ttlMs } = renewal;
  if (guardedToMs === undefined || toldExpiresAtMs === undefined) return false;
  const fits = (endMs: number) => endMs <= guardedToMs && guardedToMs - endMs <= guardReachMs(ttlMs);
  return fits(toldExpiresAtMs) && fits(expiresAtMs);
}
