import { numberOf, type RedisReply } from "./reply.ts";

/** How far apart two clocks may drift, as a share of the time that passed: far more than real ones do. */
const driftRate = 0.001;

/** Redis's time, estimated from what its scripts return and how long they took. */
export interface RedisClock {
  /** Redis's time now; undefined until it was learnt once. */
  nowMs(): number | undefined;
  /** Learns from Redis's time in a reply, and when the call was sent by `monotonicMs`. */
  learn(redisNowMs: number, sentMs: number): void;
}

/** Makes a clock that knows nothing yet. `monotonicMs` never goes back, whoever sets the machine's clock. */
export function createRedisClock(monotonicMs: () => number = () => performance.now()): RedisClock {
  let best: { readonly offsetMs: number; readonly errorMs: number; readonly atMs: number } | undefined;
  return {
    nowMs: () => best && Math.round(monotonicMs() + best.offsetMs),
    learn(redisNowMs, sentMs) {
      const atMs = monotonicMs();
      // Redis read its clock somewhere between: in the middle the error is half the round trip at most, and the
      // half millisecond that it cuts off.
      const errorMs = (atMs - sentMs) / 2 + 0.5;
      const offsetMs = redisNowMs + 0.5 - (sentMs + atMs) / 2;
      const knownErrorMs = best ? best.errorMs + (atMs - best.atMs) * driftRate : Number.POSITIVE_INFINITY;
      // Two samples that cannot both be right: Redis's clock was set, or another server answers.
      const isContradicted =
        best !== undefined && Math.abs(offsetMs - best.offsetMs) > errorMs + knownErrorMs;
      if (errorMs <= knownErrorMs || isContradicted) best = { offsetMs, errorMs, atMs };
    },
  };
}

/** Redis's time in the answer of the command TIME: seconds, and microseconds. */
export function timeReplyMs(reply: readonly RedisReply[]): number {
  return numberOf(reply[0]) * 1000 + Math.floor(numberOf(reply[1]) / 1000);
}
