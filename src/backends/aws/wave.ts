import { type AwsFailureKind, isAwsFailure } from "./aws-failure.ts";

const gravity: Readonly<Record<AwsFailureKind, number>> = {
  throttled: 1,
  unsent: 1,
  unknown: 2,
  absent: 3,
  conflict: 3,
  exists: 3,
  refused: 3,
};

/**
 * Waits for calls that were sent at once, all of them: an attempt that has
 * ended leaves nothing on its way. Rejects with the gravest failure.
 */
export async function wave<T>(calls: readonly Promise<T>[]): Promise<readonly T[]> {
  const outcomes = await Promise.allSettled(calls);
  const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  if (failures.length > 0) throw failures.reduce((one, other) => (weigh(other) > weigh(one) ? other : one));
  return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
}

/** Anything but a failed call is a bug, or the storage's own trouble, and weighs most. */
function weigh(failure: unknown): number {
  return isAwsFailure(failure) ? gravity[failure.kind] : 4;
}
