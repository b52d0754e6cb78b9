import { type Clock, startTimeout } from "./clock.ts";
import type { EngineSettings } from "./engine-settings.ts";
import type { LeaseStore } from "./lease-store.ts";
import type { MassOutcome, MassRevocation, MassRevoker } from "./mass-revoker.ts";
import type { Observer } from "./observer.ts";
import type { Revoker } from "./revoker.ts";
import { untilAborted } from "./until-aborted.ts";

/** What the attended revoker works with. */
export interface AttendedRevokerOptions {
  readonly massRevoker: MassRevoker;
  readonly observer: Pick<Observer, "isObserving">;
  readonly leases: Pick<LeaseStore, "list" | "countPrefix">;
  readonly revoker: Pick<Revoker, "revoke">;
  readonly settings: Pick<EngineSettings, "laneConcurrency">;
  readonly clock: Clock;
}

/**
 * Makes a mass revoker that works while its server only observes, too. What a person asks for is revoked then: not
 * by the lanes, which would revoke with it all that is due, but with one attempt at each lease asked for.
 */
export function createAttendedRevoker(options: AttendedRevokerOptions): MassRevoker {
  const { massRevoker, observer, leases, revoker, settings, clock } = options;

  const attemptAll = async (
    request: MassRevocation,
    over: AbortSignal,
    onRevoked: () => void,
  ): Promise<void> => {
    const { mount, prefix, states } = request;
    let after = "";
    while (!over.aborted) {
      const page = { prefix, after, limit: settings.laneConcurrency };
      const batch = await leases.list(mount.record.accessor, page);
      const last = batch.at(-1);
      if (!last) return;
      after = last.id;
      const claims = batch
        .filter(({ state }) => states.includes(state))
        .map(({ id }) => ({ kind: "requested", id }) as const);
      const attempts = claims.length > 0 ? revoker.revoke(mount, claims) : [];
      for (const { kind } of await Promise.all(attempts)) if (kind === "revoked") onRevoked();
    }
  };

  const revokeAttended = async (request: MassRevocation): Promise<MassOutcome> => {
    const { mount, prefix, untilMs, signal } = request;
    const patience = startTimeout(clock, Math.max(0, untilMs - clock.nowMs()));
    const over = AbortSignal.any([signal, patience.signal]);
    let revoked = 0;
    try {
      await untilAborted(
        attemptAll(request, over, () => {
          revoked += 1;
        }),
        over,
      );
    } catch (error) {
      if (!over.aborted) throw error;
    } finally {
      patience.stop();
    }
    return { revoked, pending: await leases.countPrefix(mount.record.accessor, prefix) };
  };

  return {
    takeAll: massRevoker.takeAll,
    revokeAll: (request) =>
      observer.isObserving() ? revokeAttended(request) : massRevoker.revokeAll(request),
  };
}
