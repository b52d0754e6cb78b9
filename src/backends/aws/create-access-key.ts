import { isAwsFailure } from "./aws-failure.ts";
import type { NewAccessKey } from "./iam.ts";
import { pauseMs, throwIfStopped, visibilityRetriesMax } from "./resend.ts";
import type { OpenRoot } from "./root-access.ts";

/**
 * Creates the one access key of a user. Sending CreateAccessKey again after
 * a lost reply would leave a second live key, whose secret nobody knows: so on
 * doubt every key of the user is deleted before the next one is asked for.
 */
export async function createOnlyKey(options: {
  readonly user: string;
  readonly root: OpenRoot;
  /** Abandons calls. */
  readonly signal: AbortSignal;
  /** Once this aborts nothing is sent any more. */
  readonly going: AbortSignal;
  /** True where the user may have keys already, which are then deleted first. */
  readonly mayHaveKeys?: boolean;
}): Promise<NewAccessKey> {
  const { user, signal, going } = options;
  const { iam, clock, retriesMax } = options.root;
  let isInDoubt = options.mayHaveKeys ?? false;
  let invisible = 0;
  let failed = 0;
  for (;;) {
    throwIfStopped(going);
    try {
      if (isInDoubt) {
        for (const id of await iam.list({ user, belonging: "accessKey", signal })) {
          throwIfStopped(going);
          await iam.remove({ user, belonging: "accessKey", id, signal });
        }
        throwIfStopped(going);
      }
      isInDoubt = false;
      return await iam.createAccessKey({ user, signal });
    } catch (error) {
      if (!isAwsFailure(error)) throw error;
      // An unanswered list or removal leaves the doubt as it was: it was there already.
      if (error.kind === "unknown") isInDoubt = true;
      if (error.kind === "absent" && invisible++ < visibilityRetriesMax) {
        await clock.sleep(pauseMs(invisible), going);
      } else if ((error.kind === "unknown" || error.kind === "throttled") && failed++ < retriesMax) {
        await clock.sleep(pauseMs(failed), going);
      } else {
        throw error;
      }
    }
  }
}
