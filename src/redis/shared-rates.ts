import { type RateRules, rateRules } from "../core/rate-rules.ts";
import type { SharedRates } from "../core/shared-rates.ts";
import { paceKey } from "./keys.ts";
import type { RedisClient } from "./redis-client.ts";
import { listOf, numberOf } from "./reply.ts";
import { scripts } from "./scripts.ts";

/** Keeps rates in Redis, one hash for each subject: what one server finds out holds for all. */
export function createRedisSharedRates(client: RedisClient, rules: RateRules = rateRules): SharedRates {
  // In the order of the script's arguments.
  const ruleArgs = [
    rules.firstShare,
    rules.perSecondMin,
    rules.cutEveryMs,
    rules.cutShareMax,
    rules.cutShareMin,
    rules.wentShare,
    rules.growthShare,
    rules.fastGrowthShare,
    rules.fastAfterSeconds,
    rules.burstSeconds,
    rules.batchSeconds,
    rules.reservedShare,
    rules.heldBackMs,
    rules.memoryMs,
  ];
  return {
    async take({ subject, server, wants, throttled, passedPerSecond }) {
      const args = [server, throttled, passedPerSecond, ...ruleArgs, ...wants];
      const reply = listOf(await client.run(scripts.take, [paceKey(subject)], args)).map(numberOf);
      const [rate = -1, waitMs = 1, ...given] = reply;
      if (rate < 0) return { isLimited: false };
      return {
        isLimited: true,
        perSecond: rate / 1000,
        grants: given.filter((_, at) => at % 2 === 0),
        isHeldBack: given.filter((_, at) => at % 2 === 1).map((held) => held === 1),
        waitMs,
      };
    },
  };
}
