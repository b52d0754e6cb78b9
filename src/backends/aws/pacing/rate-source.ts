import type { Clock } from "../../../core/clock.ts";
import { createRateLedger, type RateLedger } from "../../../core/rate-ledger.ts";
import type { RateAnswer, RateRequest, SharedRates } from "../../../core/shared-rates.ts";

/** How long the storage is left alone after it did not answer, in milliseconds: each try may take as long. */
const askAgainMs = 2000;

/** How many servers share a rate is not known to one that is alone; two is the usual. */
const serversGuessed = 2;

/** Where one budget of one server gets its grants: from what all servers share, and by itself while the storage is away. */
export interface RateSource {
  /** Never rejects. */
  take(request: Omit<RateRequest, "subject" | "server">): Promise<RateAnswer>;
}

/** Makes the source of a subject. */
export function createRateSource(options: {
  readonly rates: SharedRates;
  readonly subject: string;
  readonly server: string;
  readonly clock: Clock;
}): RateSource {
  const { rates, subject, server, clock } = options;
  let known: number | undefined;
  let alone: RateLedger | undefined;
  let askAtMs = Number.NEGATIVE_INFINITY;

  const takeAlone = (request: Omit<RateRequest, "subject" | "server">): RateAnswer => {
    if (alone === undefined) {
      alone = createRateLedger();
      if (known !== undefined) alone.limit(known / serversGuessed, clock.nowMs());
    }
    return alone.take({ ...request, server }, clock.nowMs());
  };

  return {
    async take(request) {
      if (clock.nowMs() < askAtMs) return takeAlone(request);
      try {
        const answer = await rates.take({ ...request, subject, server });
        known = answer.isLimited ? answer.perSecond : undefined;
        alone = undefined;
        return answer;
      } catch {
        // Revoking goes on without the storage: what it says of its own trouble is heard by those who need it for more.
        askAtMs = clock.nowMs() + askAgainMs;
        return takeAlone(request);
      }
    },
  };
}
