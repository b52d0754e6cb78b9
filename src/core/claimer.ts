import type { Clock } from "./clock.ts";
import { hasCode } from "./errors.ts";
import type { Claim, ClaimOutcome, LeaseStore } from "./lease-store.ts";

/** Pauses before a claim is sent again, in milliseconds; all of them pass long before the claim would be over. */
const claimAgainAfterMs = [250, 500, 1000];

/** A claim that was sent. */
export interface SentClaim {
  /** The answer to the first time it was sent. */
  readonly answered: Promise<readonly ClaimOutcome[]>;
  /** The same, or where that answer was lost, the answer to a later time. */
  readonly held: Promise<readonly ClaimOutcome[]>;
}

/**
 * Makes what claims leases, and claims again with the same fence where the
 * answer was lost: a claim that was made and not heard of would keep everybody from the lease until it is over, and
 * the store answers the same fence the same.
 */
export function createClaimer(options: {
  readonly leases: LeaseStore;
  readonly clock: Clock;
  readonly visibilityMs: number;
}): (accessor: string, claims: readonly Claim[], fence: string) => SentClaim {
  const { leases, clock, visibilityMs } = options;
  return (accessor, claims, fence) => {
    const send = () => leases.claim(accessor, claims, { fence, visibilityMs });
    const sendAgain = async (lost: unknown): Promise<readonly ClaimOutcome[]> => {
      let problem = lost;
      for (const pauseMs of claimAgainAfterMs) {
        if (!hasCode(problem, "STORAGE_UNAVAILABLE")) break;
        await clock.sleep(pauseMs);
        try {
          return await send();
        } catch (error) {
          problem = error;
        }
      }
      throw problem;
    };
    const answered = send();
    return { answered, held: answered.catch(sendAgain) };
  };
}
