import type { CallBudget, VendorTelemetry } from "../../src/core/vendor-telemetry.ts";

/** Telemetry that a test reads. */
export interface RecordedVendorTelemetry extends VendorTelemetry {
  /** What was told, in order, as text. */
  readonly told: readonly string[];
  /** What was told that begins so. */
  toldOf(beginning: string): readonly string[];
}

const nameOf = ({ account, kind }: CallBudget): string => `${account}:${kind}`;

/** Makes telemetry that remembers. */
export function recordVendorTelemetry(): RecordedVendorTelemetry {
  const told: string[] = [];
  const tell = (...words: readonly unknown[]): void => void told.push(words.join(" "));
  return {
    told,
    toldOf: (beginning) => told.filter((line) => line.startsWith(beginning)),
    called: (action, outcome) => tell("called", action, outcome),
    throttled: (budget) => tell("throttled", nameOf(budget)),
    limited: (budget, perSecond) => tell("limited", nameOf(budget), perSecond?.toFixed(1) ?? "no more"),
    waiting: (budget, className, count) => tell("waiting", nameOf(budget), className, count),
    circuit: (endpoint, state) => tell("circuit", endpoint, state),
    headRoom: (account, { count, quota }) => tell("headRoom", account, count, quota),
    headRoomUnknown: (account, reason) => tell("headRoomUnknown", account, reason),
  };
}
