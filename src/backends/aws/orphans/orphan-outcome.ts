import { RetryLater } from "../../../core/backend.ts";
import { CoreError } from "../../../core/errors.ts";
import { coreErrorOf, isAwsFailure } from "../aws-failure.ts";

/** An orphan that was left as it is, and why. */
export interface LeftOrphan {
  readonly user: string;
  readonly why: string;
}

/** What came of a pass over orphans. */
export interface OrphanOutcome {
  /** Names of the users for which it was done. */
  readonly done: readonly string[];
  readonly left: readonly LeftOrphan[];
}

/** Thrown where one orphan is to be left as it is; its message says why. */
export class LeaveOrphan extends Error {}

/** Why an orphan is left, in words for whoever asked. Anything but a refusal or a failed call is a bug, and is thrown again. */
export function whyLeft(error: unknown, doing: string): string {
  if (isAwsFailure(error)) return coreErrorOf(error, doing).message;
  if (error instanceof RetryLater) return error.reason.message;
  if (error instanceof CoreError || error instanceof LeaveOrphan) return error.message;
  throw error;
}
