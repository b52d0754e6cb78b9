import type { UserHandle } from "./user-handle.ts";

/** The record of how far a revocation has come, kept in the handle for the attempts after this one. */
export interface RevocationProgress {
  /** Records that DeleteUser is about to be sent: whoever then finds no user may believe it. */
  beforeDeleteUser(): Promise<void>;
  /** Notes how DeleteUser failed: without an answer, or for certain. */
  deleteUserFailed(outcome: "unknown" | "refused"): void;
  /** At the end of a failed attempt: takes the record back where no DeleteUser can have worked. */
  keep(): Promise<void>;
}

/**
 * Records progress where the next attempt needs it: while AWS may not have
 * settled. After that "no such user" is believed anyway, and a write is saved.
 * To be used only once the deletion of the key was acknowledged.
 */
export function recordProgress(
  handle: UserHandle,
  options: { readonly isNeeded: boolean; readonly checkpoint: (handle: UserHandle) => Promise<void> },
): RevocationProgress {
  let isSentStored = handle.sent !== undefined;
  let mayHaveWorked = isSentStored;
  return {
    async beforeDeleteUser() {
      if (!options.isNeeded || isSentStored) return;
      await options.checkpoint({ ...handle, sent: 1 });
      isSentStored = true;
    },
    deleteUserFailed(outcome) {
      if (outcome === "unknown") mayHaveWorked = true;
    },
    async keep() {
      if (!isSentStored || mayHaveWorked) return;
      try {
        await options.checkpoint(handle);
      } catch {
        // The attempt has failed already, and its own error is the one to tell.
      }
    },
  };
}
