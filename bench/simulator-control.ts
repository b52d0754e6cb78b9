/** One call that the AWS simulator has answered. */
export interface SimulatedCall {
  readonly action: string;
  /** When it had its effect, in milliseconds since 1970. */
  readonly atMs: number;
  readonly outcome: string;
  readonly user?: string;
}

/** The AWS simulator's control endpoint, as far as it is needed here. */
export interface SimulatorControl {
  /** Lets every call to AWS take so many milliseconds more. */
  setLatency(ms: number): Promise<void>;
  /** Refuses more changes than so many a second, whichever they are, in place of every other fault. */
  limitWrites(perSecond: number): Promise<void>;
  /** How many calls there were, by action and outcome, since they were forgotten. */
  outcomes(): Promise<Readonly<Record<string, Readonly<Record<string, number>>>>>;
  /** Forgets the calls. */
  clearCalls(): Promise<void>;
  /** The calls since then, by the user that they name. */
  callsByUser(): Promise<ReadonlyMap<string, readonly SimulatedCall[]>>;
  /** Name of the user by the id of its access key. */
  usersByKey(): Promise<ReadonlyMap<string, string>>;
}

interface SimulatedUser {
  readonly name: string;
  readonly accessKeyIds: readonly string[];
}

const timeoutMs = 5000;
const callsKept = 10_000;

/** Opens the control endpoint of a simulator. */
export function simulatorControl(url: string): SimulatorControl {
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${url}/_simulator/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok)
      throw new Error(`The AWS simulator refuses ${method} ${path}: ${await response.text()}`);
    return response.json();
  };
  return {
    async setLatency(ms) {
      await ask("DELETE", "faults");
      if (ms > 0) await ask("POST", "faults", { kind: "latency", ms });
    },
    async limitWrites(perSecond) {
      await ask("DELETE", "faults");
      const fault = { kind: "throttle", callsPerSecond: perSecond, isShared: true, isForWritesOnly: true };
      await ask("POST", "faults", fault);
    },
    async outcomes() {
      const answer = await ask("GET", "calls?limit=0");
      return (answer as { readonly counts: Record<string, Record<string, number>> }).counts;
    },
    clearCalls: async () => void (await ask("DELETE", "calls")),
    async callsByUser() {
      const answer = await ask("GET", `calls?limit=${callsKept}`);
      const { calls } = answer as { readonly calls: readonly SimulatedCall[] };
      return Map.groupBy(calls, ({ user }) => user ?? "");
    },
    async usersByKey() {
      const { users } = (await ask("GET", "state")) as { readonly users: readonly SimulatedUser[] };
      return new Map(
        users.flatMap(({ name, accessKeyIds }) => accessKeyIds.map((id) => [id, name] as const)),
      );
    },
  };
}

/**
 * How many round trips calls took: those that had their effect within half a latency of each other were under way
 * side by side.
 */
export function roundTrips(calls: readonly SimulatedCall[], latencyMs: number): number {
  const times = calls.map(({ atMs }) => atMs).sort((a, b) => a - b);
  return times.filter((atMs, at) => atMs - (times[at - 1] ?? Number.NEGATIVE_INFINITY) > latencyMs / 2)
    .length;
}
