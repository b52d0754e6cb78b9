import { RetryLater } from "./backend.ts";
import { planRetry } from "./backoff.ts";
import type { Begun } from "./begin-lease.ts";
import type { Clock } from "./clock.ts";
import type { Mount } from "./mount.ts";
import type { Revoker } from "./revoker.ts";
import type { Telemetry } from "./telemetry.ts";

/** How long a caller whose issue failed waits for the clean-up, so that "failed" normally means "nothing is left". */
const waitMs = 2000;

/** What the abandoner works with. */
export interface AbandonerOptions {
  readonly revoker: Revoker;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** Ends leases whose secret nobody will get, whether they are active by now or not. */
export interface Abandoner {
  /**
   * Resolves once the lease has ended or is recorded as being revoked, or after a moment; it goes on all the same. A lease that was
   * reopened since by whoever repeats the request is theirs, and stays: `fence` is that of the issuer who abandons it.
   */
  abandon(mount: Mount, abandoned: Begun): Promise<void>;
  /** Leaves the rest to the due set. */
  stop(): void;
}

/** Makes the abandoner. */
export function createAbandoner({ revoker, clock, telemetry }: AbandonerOptions): Abandoner {
  const stopping = new AbortController();

  const attempt = async (mount: Mount, { lease, fence }: Begun): Promise<void> => {
    const outcome = await revoker.giveUp(mount, lease, fence);
    // It ended while its secret was still being made: whatever appeared since, only this process knows of.
    if (outcome.kind === "unknown") await revoker.unmakeForgotten(mount, lease);
  };

  const persist = async (mount: Mount, abandoned: Begun): Promise<void> => {
    for (let failures = 0; !stopping.signal.aborted; failures++) {
      try {
        return await attempt(mount, abandoned);
      } catch (error) {
        const { afterMs, isIrrevocable } = planRetry(error, failures, Math.random());
        if (!(error instanceof RetryLater))
          telemetry.backgroundFailed(`abandoning ${abandoned.lease.id}`, error);
        if (isIrrevocable) return;
        await clock.sleep(afterMs, stopping.signal);
      }
    }
  };

  return {
    async abandon(mount, abandoned) {
      const waited = new AbortController();
      await Promise.race([persist(mount, abandoned), clock.sleep(waitMs, waited.signal)]);
      waited.abort();
    },
    stop: () => stopping.abort(),
  };
}
