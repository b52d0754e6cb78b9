import { Counter, Gauge, type Registry } from "prom-client";
import type { CallBudget, CircuitState, VendorTelemetry } from "../core/vendor-telemetry.ts";
import type { MetricsLog } from "./metrics.ts";

/** Outcomes are what an endpoint says: after so many different ones the rest counts as `other`. */
const outcomesMax = 100;
const circuitStates: readonly CircuitState[] = ["closed", "open", "half-open"];

/** Makes the metrics of calls to AWS. */
export function createVendorMetrics(registry: Registry, log: MetricsLog): VendorTelemetry {
  const registers = [registry];
  const calls = new Counter({
    name: "leasehold_aws_calls_total",
    help: "Calls to AWS by action and outcome: OK, AWS's code, or that of the connection. NotSentForOutage was not sent.",
    labelNames: ["action", "outcome"],
    registers,
  });
  const throttled = new Counter({
    name: "leasehold_aws_throttled_total",
    help: "Calls that AWS refused because there were too many, by account and by what is limited: writes or reads.",
    labelNames: ["account", "calls"],
    registers,
  });
  const rate = new Gauge({
    name: "leasehold_aws_rate_per_second",
    help: "Calls a second that all servers together keep to. Not there while AWS throttles nothing.",
    labelNames: ["account", "calls"],
    registers,
  });
  const waiting = new Gauge({
    name: "leasehold_aws_waiting_calls",
    help: "Calls of this server that wait for their turn, by what they are for: disarm, tidy or issue.",
    labelNames: ["account", "calls", "class"],
    registers,
  });
  const circuit = new Gauge({
    name: "leasehold_aws_circuit",
    help: "1 for what is done with calls to an endpoint: closed, all are sent; open, none; half-open, one to find out.",
    labelNames: ["endpoint", "state"],
    registers,
  });
  const users = new Gauge({
    name: "leasehold_aws_users",
    help: "Users of an account when they were last counted.",
    labelNames: ["account"],
    registers,
  });
  const quota = new Gauge({
    name: "leasehold_aws_users_quota",
    help: "Users that an account may have.",
    labelNames: ["account"],
    registers,
  });
  const outcomes = new Set<string>();
  const labels = ({ account, kind }: CallBudget) => ({ account, calls: kind });

  const outcomeLabel = (outcome: string): string => {
    if (outcomes.has(outcome)) return outcome;
    if (outcomes.size >= outcomesMax || !/^\w{1,64}$/.test(outcome)) return "other";
    outcomes.add(outcome);
    return outcome;
  };

  return {
    called: (action, outcome) => calls.inc({ action, outcome: outcomeLabel(outcome) }),
    throttled: (budget) => throttled.inc(labels(budget)),
    limited(budget, perSecond) {
      if (perSecond === undefined) rate.remove(labels(budget));
      else rate.set(labels(budget), perSecond);
    },
    waiting: (budget, className, count) => waiting.set({ ...labels(budget), class: className }, count),
    circuit(endpoint, state) {
      for (const each of circuitStates) circuit.set({ endpoint, state: each }, each === state ? 1 : 0);
      if (state === "open")
        log.warn({ endpoint }, "the AWS endpoint does not answer; calls to it are held back");
      if (state === "closed") log.info({ endpoint }, "the AWS endpoint answers again");
    },
    headRoom(account, { count, quota: most }) {
      users.set({ account }, count);
      quota.set({ account }, most);
    },
    headRoomUnknown(account, reason) {
      users.remove({ account });
      quota.remove({ account });
      log.warn(
        { account, reason },
        "the room of the AWS account is not known; issuing goes on without the guard",
      );
    },
  };
}
