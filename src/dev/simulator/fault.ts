import { actionNames } from "./action-table.ts";
import { statusOf } from "./aws-error.ts";

/** Which calls a fault strikes, and how often. */
interface Aim {
  /** Names of actions such as `CreateUser`; undefined for every action. */
  readonly actions?: readonly string[] | undefined;
  /** A user name the call has to name; undefined for every call. */
  readonly user?: string | undefined;
  /** How often it strikes before it is over; undefined for no end. */
  readonly times?: number | undefined;
}

/** One way in which AWS misbehaves, on purpose. */
export type Fault = Aim &
  (
    | {
        readonly kind: "throttle";
        readonly callsPerSecond: number;
        /** One bucket for all the actions it strikes together; by default each action has its own, as in AWS. */
        readonly isShared?: boolean | undefined;
        /** Leaves alone what changes nothing. */
        readonly isForWritesOnly?: boolean | undefined;
      }
    | { readonly kind: "fail-before" }
    | { readonly kind: "fail-after" }
    | { readonly kind: "lose-reply" }
    | { readonly kind: "latency"; readonly ms: number }
    | { readonly kind: "hold" }
    | { readonly kind: "creation-delay"; readonly ms: number }
    | { readonly kind: "deletion-delay"; readonly ms: number }
    | { readonly kind: "refuse"; readonly code: string; readonly message: string; readonly status: number }
  );

/** The word that tells the kinds of fault apart. */
export type FaultKind = Fault["kind"];

/** A fault that cannot be read; its message says which field and what it should be. */
export class FaultSyntaxError extends Error {}

const kinds: Record<FaultKind, readonly string[]> = {
  throttle: ["callsPerSecond", "isShared", "isForWritesOnly"],
  "fail-before": [],
  "fail-after": [],
  "lose-reply": [],
  latency: ["ms"],
  hold: [],
  "creation-delay": ["ms"],
  "deletion-delay": ["ms"],
  refuse: ["code", "message", "status"],
};

const knownActions = new Set(actionNames.map((name) => name.slice(name.indexOf(":") + 1)));

function fail(sentence: string): never {
  throw new FaultSyntaxError(sentence);
}

/** No fault counts further, or waits longer in milliseconds, than a day's worth: timers could not keep more. */
const numberMax = 86_400_000;

function numberOf(source: Record<string, unknown>, field: string, min: number): number {
  const value = source[field];
  if (typeof value === "number" && value >= min && value <= numberMax) return value;
  return fail(
    `Field "${field}" of a fault is ${JSON.stringify(value)}; it must be a number of at least ${min} and at most ${numberMax}.`,
  );
}

function flagOf(source: Record<string, unknown>, field: string): boolean | undefined {
  const value = source[field];
  if (value === undefined || typeof value === "boolean") return value;
  return fail(`Field "${field}" of a fault is ${JSON.stringify(value)}; it must be true or false.`);
}

function textOf(source: Record<string, unknown>, field: string, fallback?: string): string {
  const value = source[field] ?? fallback;
  if (typeof value === "string" && value !== "") return value;
  return fail(
    `Field "${field}" of a fault is ${JSON.stringify(value)}; it must be a text that is not empty.`,
  );
}

function actionsOf(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length === 0) {
    return fail(
      'Field "actions" of a fault must be a list of action names; leave it out to strike all actions.',
    );
  }
  return value.map((name: unknown) => {
    if (typeof name === "string" && knownActions.has(name)) return name;
    return fail(`Action ${JSON.stringify(name)} of a fault is none of the simulator's actions.`);
  });
}

function aimOf(source: Record<string, unknown>): Aim {
  const times = source["times"] === undefined ? undefined : numberOf(source, "times", 1);
  if (times !== undefined && !Number.isInteger(times))
    fail('Field "times" of a fault must be a whole number.');
  return {
    actions: actionsOf(source["actions"]),
    user: source["user"] === undefined ? undefined : textOf(source, "user"),
    times,
  };
}

/**
 * Reads one fault from JSON.
 *
 * @throws FaultSyntaxError for an unknown kind, field or action, and for a value out of its range.
 */
export function parseFault(value: unknown): Fault {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    fail("A fault must be a JSON object.");
  const source: Record<string, unknown> = { ...value };
  const kind = source["kind"];
  if (typeof kind !== "string" || !Object.hasOwn(kinds, kind)) {
    fail(
      `Kind ${JSON.stringify(kind)} of a fault is unknown; it must be one of ${Object.keys(kinds).join(", ")}.`,
    );
  }
  // Object.hasOwn() above has just found the word among the kinds.
  const known = kind as FaultKind;
  const fields = ["kind", "actions", "user", "times", ...kinds[known]];
  const unknown = Object.keys(source).find((field) => !fields.includes(field));
  if (unknown !== undefined) fail(`Field "${unknown}" is unknown in a fault of kind "${known}".`);
  const aim = aimOf(source);
  switch (known) {
    case "throttle":
      return {
        kind: known,
        ...aim,
        callsPerSecond: numberOf(source, "callsPerSecond", 0),
        isShared: flagOf(source, "isShared"),
        isForWritesOnly: flagOf(source, "isForWritesOnly"),
      };
    case "latency":
    case "creation-delay":
    case "deletion-delay":
      return { kind: known, ...aim, ms: numberOf(source, "ms", 0) };
    case "refuse": {
      const code = textOf(source, "code");
      const status = source["status"] === undefined ? statusOf(code) : numberOf(source, "status", 400);
      if (!Number.isInteger(status) || status > 599)
        fail('Field "status" of a fault must be between 400 and 599.');
      return { kind: known, ...aim, code, status, message: textOf(source, "message", "Refused by a fault.") };
    }
    default:
      return { kind: known, ...aim };
  }
}
