import type { Clock } from "../../../core/clock.ts";
import { formatDuration } from "../../../core/duration.ts";
import { rateRules } from "../../../core/rate-rules.ts";
import type { RateAnswer } from "../../../core/shared-rates.ts";
import type { CallBudget, VendorTelemetry } from "../../../core/vendor-telemetry.ts";
import { type CallClass, type CallTurn, callClasses } from "./call-class.ts";
import { createCallCounter } from "./call-counter.ts";
import { NotSent } from "./not-sent.ts";
import type { RateSource } from "./rate-source.ts";
import { isRateRefusal } from "./throttle-code.ts";
import { createTurnQueue } from "./turn-queue.ts";

/**
 * Longest wait for a turn, in milliseconds. An attempt to revoke takes eight seconds at most, and its first call may use most of
 * them: putting a lease back and claiming it again brings its turn no closer. What begins an issue is refused while nothing exists.
 */
const waitMsMax: Readonly<Record<CallClass, number>> = { disarm: 7000, tidy: 2000, issue: 5000 };
const followUpWaitMsMax = 10_000;

/** A tidying call leaves its place to others when more urgent ones wait for so long, in milliseconds. */
const heldBackMsMax = 1000;

/** How often the grants are asked for, at most and at least, in milliseconds. */
const askMsMin = 20;
const askMsMax = 250;

/** How often a server without a limit looks whether another has found one, in milliseconds. */
const lookEveryMs = 1000;

/** A rate that was told longer ago says nothing about a wait, in milliseconds: it may have grown, or the limit have gone. */
const knownMsMax = 1000;

const retryMsMin = 1000;
const retryMsMax = 15_000;

/**
 * What tidies up comes back after those that were given up before it in the last minute or so, and stays away for that long at most,
 * in milliseconds. Where thousands wait, they would otherwise take all places of a lane in turn, and a key
 * that comes due meanwhile would wait for one.
 */
const tidyRetryMsMax = 120_000;
const tidyMemoryMs = 60_000;

/** The calls of this server that share a budget. */
export interface PacedBudget {
  /**
   * Sends a call when its turn has come: at once while AWS throttles nothing. A call of a revocation that is throttled is sent again in
   * its next turn. Rejects with `NotSent` where that does not come in time, and with what the call rejects with.
   */
  send<T>(turn: CallTurn, call: () => Promise<T>): Promise<T>;
}

/** Makes a budget without a limit. */
export function createPacedBudget(options: {
  readonly budget: CallBudget;
  readonly source: RateSource;
  readonly clock: Clock;
  readonly telemetry: VendorTelemetry;
}): PacedBudget {
  const { budget, source, clock, telemetry } = options;
  const queue = createTurnQueue();
  const passed = createCallCounter(() => clock.nowMs());
  const heldBackSinceMs: Partial<Record<CallClass, number>> = {};
  let perSecond: number | undefined;
  let knownAtMs = Number.NEGATIVE_INFINITY;
  let isLimited = false;
  let throttled = 0;
  /** What went through before this server was limited; told with the first throttled call. */
  let passedBefore = 0;
  let lookAtMs = Number.NEGATIVE_INFINITY;
  let tidyGivenUp = 0;
  let tidyGivenUpAtMs = 0;
  let isServing = false;
  let stir = new AbortController();

  const waitMsOf = ({ class: className, isFollowUp }: CallTurn): number =>
    className === "issue" && isFollowUp ? followUpWaitMsMax : waitMsMax[className];

  /** How long the calls that wait before a new one of this class will take. */
  const expectedMs = (className: CallClass): number => {
    const before = queue
      .counts()
      .slice(0, callClasses.indexOf(className) + 1)
      .reduce((a, b) => a + b, 0);
    if (perSecond === undefined) return 0;
    if (className !== "issue" || heldBackSinceMs.issue === undefined) return (before / perSecond) * 1000;
    return ((queue.counts().at(-1) ?? 0) / (perSecond * rateRules.reservedShare)) * 1000;
  };

  /** How long those take whose tidying was given up lately. */
  const tidyBacklogMs = (): number => {
    const nowMs = clock.nowMs();
    tidyGivenUp = tidyGivenUp * Math.exp((tidyGivenUpAtMs - nowMs) / tidyMemoryMs);
    tidyGivenUpAtMs = nowMs;
    return perSecond === undefined ? 0 : Math.min(tidyRetryMsMax, (tidyGivenUp / perSecond) * 1000);
  };

  const notInTime = (className: CallClass): NotSent => {
    const soonMs = Math.min(retryMsMax, Math.max(retryMsMin, expectedMs(className)));
    const retryAfterMs = className === "tidy" ? Math.max(soonMs, tidyBacklogMs()) : soonMs;
    const rate = perSecond === undefined ? "" : ` to ${perSecond.toFixed(1)} calls a second`;
    return new NotSent("paced", {
      message: `AWS limits the ${budget.kind} of account ${budget.account}${rate}, and others wait. Try again in ${formatDuration(Math.ceil(retryAfterMs / 1000) * 1000)}.`,
      retryAfterMs,
    });
  };

  const show = (): void =>
    queue.counts().forEach((count, at) => {
      telemetry.waiting(budget, callClasses[at] ?? "", count);
    });

  const heed = (answer: RateAnswer): number => {
    const wasLimited = isLimited;
    isLimited = answer.isLimited;
    perSecond = answer.isLimited ? answer.perSecond : undefined;
    knownAtMs = clock.nowMs();
    if (isLimited || wasLimited) telemetry.limited(budget, perSecond);
    for (const [at, className] of callClasses.entries()) {
      const isHeldBack = answer.isLimited && (answer.isHeldBack[at] ?? false);
      if (isHeldBack) heldBackSinceMs[className] ??= clock.nowMs();
      else delete heldBackSinceMs[className];
      queue.release(className, answer.isLimited ? (answer.grants[at] ?? 0) : Number.POSITIVE_INFINITY);
    }
    return answer.isLimited ? Math.min(askMsMax, Math.max(askMsMin, answer.waitMs)) : askMsMin;
  };

  const giveUp = (): void => {
    const nowMs = clock.nowMs();
    for (const className of callClasses) {
      const heldSinceMs = className === "tidy" ? heldBackSinceMs.tidy : undefined;
      const ended = queue.giveUp(
        className,
        ({ sinceMs, giveUpAtMs }) =>
          nowMs >= giveUpAtMs ||
          (heldSinceMs !== undefined && nowMs - Math.max(sinceMs, heldSinceMs) >= heldBackMsMax),
        () => notInTime(className),
      );
      if (className === "tidy") tidyGivenUp += ended;
    }
  };

  /** Asks for grants until nobody waits. */
  const serve = async (): Promise<void> => {
    try {
      while (queue.size() > 0 || throttled > 0) {
        stir = new AbortController();
        const request = { wants: queue.counts(), throttled, passedPerSecond: passedBefore };
        throttled = 0;
        passedBefore = 0;
        const waitMs = heed(await source.take(request));
        giveUp();
        show();
        if (queue.size() > 0 && throttled === 0) await clock.sleep(waitMs, stir.signal);
      }
    } finally {
      // In the same step as the look that found nobody: whoever comes later, however soon, has it begin again.
      isServing = false;
    }
  };

  const startServing = (): void => {
    if (isServing) return;
    isServing = true;
    void serve();
  };

  const look = async (): Promise<void> => {
    if (clock.nowMs() < lookAtMs) return;
    lookAtMs = clock.nowMs() + lookEveryMs;
    heed(await source.take({ wants: callClasses.map(() => 0), throttled: 0, passedPerSecond: 0 }));
  };

  const noteThrottled = (wasGranted: boolean): void => {
    telemetry.throttled(budget);
    // One that was sent before there was a limit says nothing about the rate since then.
    if (isLimited && !wasGranted) return;
    throttled += 1;
    if (!isLimited) passedBefore = passed.perSecond();
    isLimited = true;
    stir.abort();
    startServing();
  };

  const waitForTurn = async (turn: CallTurn, giveUpAtMs: number): Promise<void> => {
    const { class: className } = turn;
    const isHopeless =
      className === "issue" &&
      !turn.isFollowUp &&
      clock.nowMs() - knownAtMs < knownMsMax &&
      expectedMs(className) > waitMsMax[className];
    if (isHopeless) throw notInTime(className);
    const waiting = queue.wait(turn, { sinceMs: clock.nowMs(), giveUpAtMs }, () => notInTime(className));
    startServing();
    await waiting;
  };

  return {
    async send(turn, call) {
      const giveUpAtMs = clock.nowMs() + waitMsOf(turn);
      for (let now = turn; ; now = { ...turn, isFollowUp: true }) {
        const needsGrant = isLimited;
        if (needsGrant) await waitForTurn(now, giveUpAtMs);
        else void look();
        try {
          const answer = await call();
          passed.add();
          return answer;
        } catch (error) {
          if (!isRateRefusal(error)) throw error;
          noteThrottled(needsGrant);
          const isOver = clock.nowMs() >= giveUpAtMs || turn.signal.aborted;
          if (turn.class === "issue" || isOver) throw error;
        }
      }
    },
  };
}
