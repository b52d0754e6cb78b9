import { type RateRules, rateRules } from "./rate-rules.ts";
import type { RateAnswer, RateRequest } from "./shared-rates.ts";

/** The rate of one subject, and who gets how much of it. Times in milliseconds, by any clock that does not go back. */
export interface RateLedger {
  take(request: Omit<RateRequest, "subject">, nowMs: number): RateAnswer;
  /** Sets a limit without a throttled call, for a server that is alone with what it knew last. */
  limit(perSecond: number, nowMs: number): void;
}

interface State {
  /** The rate after the last cut. */
  base: number;
  cutAtMs: number;
  readonly beganAtMs: number;
  endsAtMs: number;
  /** What can be granted now, for all classes and for the last one alone. */
  tokens: number;
  reserve: number;
  filledAtMs: number;
  /** Calls that went through in this second and in the one before. */
  second: number;
  went: number;
  wentBefore: number;
  lastClassAskedAtMs: number;
  readonly unmet: { by: string; untilMs: number }[];
}

/** Makes a ledger without a limit. `take.lua` does the same in Redis, step by step. */
export function createRateLedger(rules: RateRules = rateRules): RateLedger {
  let state: State | undefined;

  const begin = (base: number, passed: number, nowMs: number): State => ({
    base: Math.max(rules.perSecondMin, base),
    cutAtMs: nowMs,
    beganAtMs: nowMs,
    endsAtMs: nowMs + rules.memoryMs,
    tokens: 0,
    reserve: 0,
    filledAtMs: nowMs,
    second: Math.floor(nowMs / 1000),
    went: passed,
    wentBefore: 0,
    lastClassAskedAtMs: Number.NEGATIVE_INFINITY,
    unmet: [],
  });

  const rateAt = ({ base, cutAtMs }: State, nowMs: number): number => {
    const seconds = (nowMs - cutAtMs) / 1000;
    const fast = Math.max(0, seconds - rules.fastAfterSeconds);
    return base * (1 + rules.growthShare * seconds + rules.fastGrowthShare * fast * fast);
  };

  const fill = (now: State, nowMs: number): void => {
    const rate = rateAt(now, nowMs);
    const come = (rate * Math.max(0, nowMs - now.filledAtMs)) / 1000;
    const isShared = nowMs - now.lastClassAskedAtMs < rules.heldBackMs;
    const reserved = isShared ? rules.reservedShare : 0;
    const most = rate * rules.burstSeconds;
    now.tokens = Math.min(Math.max(1, most), now.tokens + come * (1 - reserved));
    now.reserve = Math.min(Math.max(1, most * rules.reservedShare), now.reserve + come * reserved);
    now.filledAtMs = nowMs;
    const second = Math.floor(nowMs / 1000);
    if (second === now.second) return;
    now.wentBefore = second === now.second + 1 ? now.went : 0;
    now.went = 0;
    now.second = second;
  };

  const heed = (
    now: State,
    { throttled, passedPerSecond }: Pick<RateRequest, "throttled" | "passedPerSecond">,
    nowMs: number,
  ): void => {
    now.went = Math.max(0, now.went - throttled);
    now.endsAtMs = nowMs + rules.memoryMs;
    if (passedPerSecond > 0 && nowMs - now.beganAtMs < rules.cutEveryMs) {
      // Servers that find out at the same time: what goes through is what went through at all of them.
      now.base += rules.firstShare * passedPerSecond;
      now.went += passedPerSecond;
    } else if (nowMs - now.cutAtMs >= rules.cutEveryMs) {
      const rate = rateAt(now, nowMs);
      const went = now.went + now.wentBefore * (1 - (nowMs % 1000) / 1000);
      const left = Math.max(
        rules.cutShareMin * rate,
        Math.min(rules.cutShareMax * rate, rules.wentShare * went),
      );
      now.base = Math.max(rules.perSecondMin, left);
      now.cutAtMs = nowMs;
    }
  };

  const isHeldBack = (now: State, at: number, nowMs: number): boolean =>
    now.unmet.some((unmet, before) => before < at && unmet.untilMs > nowMs);

  const grant = (now: State, { wants, server }: Pick<RateRequest, "wants" | "server">, nowMs: number) => {
    const last = wants.length - 1;
    const given = wants.map((want, at) => {
      const isHeld = isHeldBack(now, at, nowMs);
      let grants = 0;
      if (at === last && want > 0) {
        now.lastClassAskedAtMs = nowMs;
        grants = Math.min(want, Math.floor(now.reserve));
        now.reserve -= grants;
      }
      const more = isHeld ? 0 : Math.min(want - grants, Math.floor(now.tokens));
      now.tokens -= more;
      grants += more;
      now.went += grants;
      if (grants < want) now.unmet[at] = { by: server, untilMs: nowMs + rules.heldBackMs };
      else if (now.unmet[at]?.by === server || now.unmet[at] === undefined)
        now.unmet[at] = { by: "", untilMs: 0 };
      return { grants, left: want - grants, isHeld };
    });
    return given;
  };

  const waitMs = (now: State, given: ReturnType<typeof grant>, nowMs: number): number => {
    const rate = rateAt(now, nowMs);
    const left = given.reduce((sum, { left, isHeld }) => sum + (isHeld ? 0 : left), 0);
    const isLastLeft = (given.at(-1)?.left ?? 0) > 0;
    let ms = rules.batchSeconds * 1000;
    if (left > 0) ms = ((Math.min(left, Math.max(1, rate * rules.batchSeconds)) - now.tokens) / rate) * 1000;
    else if (isLastLeft) ms = ((1 - now.reserve) / (rate * rules.reservedShare)) * 1000;
    return Math.max(1, Math.min(1000, Math.ceil(ms)));
  };

  return {
    limit(perSecond, nowMs) {
      state = begin(perSecond, 0, nowMs);
    },
    take(request, nowMs) {
      if (state !== undefined && nowMs >= state.endsAtMs) state = undefined;
      if (state === undefined) {
        if (request.throttled === 0) return { isLimited: false };
        const { passedPerSecond } = request;
        state = begin(rules.firstShare * passedPerSecond, passedPerSecond, nowMs);
      } else {
        fill(state, nowMs);
        if (request.throttled > 0) heed(state, request, nowMs);
      }
      const given = grant(state, request, nowMs);
      return {
        isLimited: true,
        perSecond: rateAt(state, nowMs),
        grants: given.map(({ grants }) => grants),
        isHeldBack: given.map(({ isHeld }) => isHeld),
        waitMs: waitMs(state, given, nowMs),
      };
    },
  };
}
