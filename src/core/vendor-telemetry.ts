/** Calls that are limited together: what changes an account and what only reads have a rate each. */
export interface CallBudget {
  readonly account: string;
  readonly kind: "writes" | "reads";
}

/** Whether calls to an endpoint are sent: all, none, or one to find out. */
export type CircuitState = "closed" | "open" | "half-open";

/** What a backend tells of its calls to a vendor: for metrics and the log, never for decisions. Implementations do not throw. */
export interface VendorTelemetry {
  /** A call was answered, or was not: `OK`, or the vendor's code or that of the connection. */
  called(action: string, outcome: string): void;
  /** The vendor refused a call because there were too many. */
  throttled(budget: CallBudget): void;
  /** The rate, in calls a second, that all servers together keep to; undefined where there is no limit. */
  limited(budget: CallBudget, perSecond: number | undefined): void;
  /** How many calls of this server wait for their turn. */
  waiting(budget: CallBudget, className: string, count: number): void;
  /** What is done with calls to an endpoint from now on. */
  circuit(endpoint: string, state: CircuitState): void;
  /** How many users an account has room for; told each time it is looked up. */
  headRoom(account: string, users: { readonly count: number; readonly quota: number }): void;
  /** The room of an account cannot be looked up, and nothing is refused for it. */
  headRoomUnknown(account: string, reason: string): void;
}

/** Telemetry for whoever does not count. */
export const noVendorTelemetry: VendorTelemetry = {
  called: () => {},
  throttled: () => {},
  limited: () => {},
  waiting: () => {},
  circuit: () => {},
  headRoom: () => {},
  headRoomUnknown: () => {},
};
