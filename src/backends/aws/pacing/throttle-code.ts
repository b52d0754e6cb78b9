import { isAwsFailure } from "../aws-failure.ts";

/** Codes of `throttled` failures that tell of two changes at once and not of too many calls. */
const notForRate = new Set([
  "ConcurrentModification",
  "EntityTemporarilyUnmodifiable",
  "PriorRequestNotComplete",
]);

/** Says whether AWS refused a call because there were too many of them. */
export function isRateRefusal(error: unknown): boolean {
  return isAwsFailure(error, "throttled") && !notForRate.has(error.code);
}
