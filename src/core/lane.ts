import type { Clock } from "./clock.ts";
import type { EngineSettings } from "./engine-settings.ts";
import type { Claim, LeaseStore } from "./lease-store.ts";
import type { Mount } from "./mount.ts";
import { createPlaces } from "./places.ts";
import type { Haste, RevokeOutcome, Revoker } from "./revoker.ts";
import type { Telemetry, WakeSource } from "./telemetry.ts";

/** The longest a lane sleeps: what another server stored meanwhile is seen this late at most. */
const sleepMsMax = 1000;
const afterFailureMs = 500;
/** An abort without a reason would make an exception with its stack: with thousands of events a second, a tenth of the work. */
const awake = "The lane is awake.";

/** What a lane works with. */
export interface LaneOptions {
  readonly accessor: string;
  /** The mount as last read; undefined once it is gone. */
  readonly mountNow: () => Mount | undefined;
  readonly leases: Pick<LeaseStore, "peekDue">;
  readonly revoker: Revoker;
  readonly settings: EngineSettings;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/**
 * The expiry loop of one mount, with its own limit on how many leases it revokes at once. Where more is due than it has places for,
 * it makes secrets useless first, and tidies up after them once nothing that was due before is left to disarm; where the vendor
 * limits the rate of calls, once those that were refused for that have had their turn again.
 */
export interface Lane {
  /** Runs until the signal aborts or `end` is called. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Has the lane look at the due set now. */
  wake(source: WakeSource): void;
  end(): void;
}

/** Makes a lane. */
export function createLane(options: LaneOptions): Lane {
  const { accessor, mountNow, leases, revoker, settings, telemetry, clock } = options;
  const places = createPlaces({ count: settings.laneConcurrency, clock });
  /** Until then the vendor's rate is for making secrets useless. By the store's clock. */
  let tidyFromMs = 0;
  let woken: WakeSource | undefined;
  let pause: Promise<void> | undefined;
  /** Ends the sleep of a lane that sleeps. */
  let interrupt: AbortController | undefined;
  const ending = new AbortController();

  const wake = (source: WakeSource): void => {
    woken ??= source;
    interrupt?.abort(awake);
    interrupt = undefined;
  };

  /** Acts on how an attempt ended. */
  const heed = (outcome: RevokeOutcome, source: WakeSource): void => {
    if (outcome.kind === "unknown" || outcome.kind === "busy") return;
    telemetry.claimed(source);
    // The rest of it is due already, and this is the only one who knows.
    if (outcome.kind === "disarmed") wake("backlog");
    if (outcome.kind === "failed" && outcome.retry.isThrottled && !outcome.isDisarmed)
      tidyFromMs = Math.max(tidyFromMs, outcome.retryAtMs);
  };

  /** Makes an attempt at each lease that is due, and gives its place free when that has ended. */
  const attemptAll = (
    mount: Mount,
    claims: readonly Claim[],
    how: { readonly source: WakeSource; readonly haste: Haste | undefined },
  ): void => {
    places.take(claims.length);
    let told: unknown;
    const onFailure = (error: unknown): void => {
      // One claim that fails fails for all.
      if (error !== told) telemetry.backgroundFailed(`claiming due leases of ${mount.path}`, error);
      told = error;
      // The leases are still due: without a pause this would be tried again at once, and without end.
      pause ??= clock.sleep(afterFailureMs, ending.signal).then(() => {
        pause = undefined;
      });
      wake("backlog");
    };
    for (const attempt of revoker.revoke(mount, claims, how.haste)) {
      void attempt
        .then((outcome) => heed(outcome, how.source))
        .catch(onFailure)
        .finally(places.giveBack);
    }
  };

  /** Takes what is due, up to the limit. Answers how long to sleep, in milliseconds. */
  const work = async (mount: Mount, source: WakeSource): Promise<number> => {
    await pause;
    const free = places.free();
    const touch = source === "timer";
    // One more than can be taken tells whether there is more.
    const { due, nextDueAtMs, nowMs } = await leases.peekDue(accessor, { limit: free + 1, touch });
    const isCrowded = due.length > free;
    const haste = isCrowded || nowMs < tidyFromMs ? { tidyFromMs } : undefined;
    const claims = due.slice(0, free).map(({ id, dueAtMs }) => ({ kind: "due", id, dueAtMs }) as const);
    if (claims.length > 0) attemptAll(mount, claims, { source, haste });
    if (isCrowded) wake("backlog");
    return Math.max(1, Math.min(sleepMsMax, (nextDueAtMs ?? Infinity) - nowMs));
  };

  const end = (): void => {
    ending.abort();
    places.release();
    wake("backlog");
  };

  const sleep = async (ms: number): Promise<void> => {
    if (woken !== undefined) return;
    interrupt = new AbortController();
    await clock.sleep(ms, interrupt.signal);
    interrupt = undefined;
  };

  const pass = async (): Promise<void> => {
    await places.worthFilling();
    if (ending.signal.aborted) return;
    const source = woken ?? "timer";
    woken = undefined;
    // With the timer off, only what was woken is looked at, so that a lost event shows.
    const mount = source === "timer" && !settings.isTimerOn ? undefined : mountNow();
    try {
      await sleep(mount ? await work(mount, source) : sleepMsMax);
    } catch (error) {
      telemetry.backgroundFailed(`looking for due leases of ${mount?.path ?? accessor}`, error);
      // What woke the lane is not done yet.
      if (source !== "timer") woken ??= source;
      await clock.sleep(afterFailureMs, ending.signal);
    }
  };

  return {
    wake,
    end,
    async run(signal) {
      signal.addEventListener("abort", end, { once: true });
      while (!ending.signal.aborted && !signal.aborted) await pass();
      signal.removeEventListener("abort", end);
    },
  };
}
