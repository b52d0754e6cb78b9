import type { SimulatorControl } from "./simulator-control.ts";

/** When the key and the user of each lease ceased to be, by the user's name; in milliseconds since 1970. */
export interface Deaths {
  readonly keys: ReadonlyMap<string, number>;
  readonly users: ReadonlyMap<string, number>;
}

/** Looks into the AWS simulator's log of calls, which keeps only the newest: so again and again while they pass. */
export interface DeathWatch extends Deaths {
  /** Reads what is new. */
  look(): Promise<void>;
}

/** Makes a watch that has seen nothing yet. */
export function createDeathWatch(simulator: Pick<SimulatorControl, "callsByUser">): DeathWatch {
  const keys = new Map<string, number>();
  const users = new Map<string, number>();
  return {
    keys,
    users,
    async look() {
      for (const [user, calls] of await simulator.callsByUser()) {
        for (const { action, outcome, atMs } of calls) {
          if (outcome !== "OK") continue;
          if (action === "DeleteAccessKey") keys.set(user, atMs);
          if (action === "DeleteUser") users.set(user, atMs);
        }
      }
    },
  };
}
