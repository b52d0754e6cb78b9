import { sharedRatesConformance } from "../conformance/shared-rates.ts";
import { createMemorySharedRates } from "../kit/memory-shared-rates.ts";

sharedRatesConformance("The memory", async (rules) => {
  let nowMs = Date.UTC(2030, 0, 1);
  return {
    rates: createMemorySharedRates(() => nowMs, rules),
    pass: async (ms) => {
      nowMs += ms;
    },
  };
});
