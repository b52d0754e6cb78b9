import { RetryLater } from "../../core/backend.ts";
import { coreErrorOf, isAwsFailure } from "./aws-failure.ts";
import { type BeliefContext, believeGone, isSettled, retryAfterMs } from "./revocation.ts";
import type { RevocationProgress } from "./revocation-progress.ts";
import type { OpenRoot } from "./root-access.ts";
import { sweepUser } from "./sweep-user.ts";
import type { UserHandle } from "./user-handle.ts";

/** How often a user is swept because AWS says that it still has something. */
const sweepsMax = 3;

/** Sends DeleteUser, and sweeps the user where AWS says that it still has belongings. */
export async function deleteUser(
  handle: UserHandle,
  context: BeliefContext & { readonly root: OpenRoot; readonly progress: RevocationProgress },
): Promise<void> {
  const { signal, progress, root } = context;
  const { user } = handle;
  for (let sweeps = 0; ; sweeps++) {
    await progress.beforeDeleteUser();
    try {
      return await root.iam.deleteUser({ user, signal });
    } catch (error) {
      if (!isAwsFailure(error)) throw error;
      progress.deleteUserFailed(error.kind === "unknown" ? "unknown" : "refused");
      if (error.kind === "absent") return await believeGone(handle, context);
      if (error.kind !== "conflict") throw error;
      if (sweeps >= sweepsMax) {
        if (isSettled(context)) throw error;
        throw new RetryLater(coreErrorOf(error, `delete user "${user}"`), retryAfterMs());
      }
    }
    await sweepUser({ iam: root.iam, user, signal });
  }
}
