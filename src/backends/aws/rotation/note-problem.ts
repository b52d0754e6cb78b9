import { CoreError } from "../../../core/errors.ts";
import type { RotationOutcome } from "./rotate-key.ts";
import { type KeyRecord, KeyRecordGone, RotationLost } from "./rotating-key.ts";

/** When a rotation that failed by itself is tried again, in milliseconds. */
export const rotationRetryMs = 60_000;

/**
 * Runs a rotation that nobody asked for, and stores with the key why it failed and when it is tried again. What it rejects with is
 * for the log; that another server works on it, or that the key has gone, is no failure.
 */
export async function noteProblem(
  record: KeyRecord,
  nowMs: () => Promise<number>,
  rotate: () => Promise<RotationOutcome>,
): Promise<void> {
  try {
    const { failure } = await rotate();
    if (failure !== undefined) throw failure;
  } catch (error) {
    if (error instanceof KeyRecordGone || error instanceof RotationLost) return;
    if (!(error instanceof CoreError)) throw error;
    const retryAtMs = (await nowMs()) + rotationRetryMs;
    await record
      .change((key) => ({ ...key, problem: error.message, retryAtMs }))
      .catch((failed: unknown) => {
        if (!(failed instanceof KeyRecordGone)) throw failed;
      });
    throw error;
  }
}
