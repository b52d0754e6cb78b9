import type { Clock } from "../../../core/clock.ts";
import type { SharedRates } from "../../../core/shared-rates.ts";
import type { CallBudget, VendorTelemetry } from "../../../core/vendor-telemetry.ts";
import { createPacedBudget, type PacedBudget } from "./paced-budget.ts";
import { createRateSource } from "./rate-source.ts";

/** The budgets of all accounts that this server calls, for all its mounts. */
export interface Pacer {
  budget(budget: CallBudget): PacedBudget;
}

/** Makes the pacer of a server. */
export function createPacer(options: {
  readonly rates: SharedRates;
  readonly clock: Clock;
  readonly telemetry: VendorTelemetry;
}): Pacer {
  const { rates, clock, telemetry } = options;
  const server = crypto.randomUUID();
  const budgets = new Map<string, PacedBudget>();
  return {
    budget(budget) {
      const subject = `${budget.account}:${budget.kind}`;
      const known = budgets.get(subject);
      if (known !== undefined) return known;
      const source = createRateSource({ rates, subject, server, clock });
      const made = createPacedBudget({ budget, source, clock, telemetry });
      budgets.set(subject, made);
      return made;
    },
  };
}
