import type { Deaths } from "./death-watch.ts";
import { percentile } from "./statistics.ts";

/** What a storm gave. All in milliseconds. */
export interface StormFigures {
  readonly keyLateP50Ms: number;
  readonly keyLateP99Ms: number;
  /** When the last key died, counted from when the last lease was due. */
  readonly keysDeadMs: number;
  /** The same for the users. */
  readonly usersGoneMs: number;
}

/** When each lease of a storm is due, earliest first, in milliseconds since 1970. */
export function dueTimes(storm: {
  readonly fromMs: number;
  readonly withinMs: number;
  readonly leases: number;
}): readonly number[] {
  const { fromMs, withinMs, leases } = storm;
  return Array.from({ length: leases }, (_, at) => Math.floor(fromMs + (at * withinMs) / leases));
}

/** Reckons from when users were due, by name, and when they and their keys died. */
export function stormFigures(dueMs: ReadonlyMap<string, number>, deaths: Deaths): StormFigures {
  const lateMs = [...dueMs]
    .map(([user, due]) => (deaths.keys.get(user) ?? Number.NaN) - due)
    .sort((a, b) => a - b);
  const lastDueMs = Math.max(...dueMs.values());
  const lastOf = (times: ReadonlyMap<string, number>): number => Math.max(...times.values()) - lastDueMs;
  return {
    keyLateP50Ms: percentile(lateMs, 0.5),
    keyLateP99Ms: percentile(lateMs, 0.99),
    keysDeadMs: lastOf(deaths.keys),
    usersGoneMs: lastOf(deaths.users),
  };
}
