import { createRateLedger, type RateLedger } from "../../src/core/rate-ledger.ts";
import { type RateRules, rateRules } from "../../src/core/rate-rules.ts";
import type { SharedRates } from "../../src/core/shared-rates.ts";

/** Makes rates in memory, for any number of servers of one test. The one in Redis and this one both pass `sharedRatesConformance`. */
export function createMemorySharedRates(nowMs: () => number, rules: RateRules = rateRules): SharedRates {
  const ledgers = new Map<string, RateLedger>();
  return {
    async take({ subject, ...request }) {
      const ledger = ledgers.get(subject) ?? createRateLedger(rules);
      ledgers.set(subject, ledger);
      return ledger.take(request, nowMs());
    },
  };
}
