import { parseArgs } from "node:util";

/** How much is measured, and where the figures go. */
export interface BenchOptions {
  /** Most rounds; fewer where time runs out. */
  readonly roundsMax: number;
  /** Once this has passed no further round begins, in milliseconds. */
  readonly budgetMs: number;
  /** The run is given up when it takes longer, in milliseconds. */
  readonly limitMs: number;
  /** Load on one workload in one round, in milliseconds. */
  readonly runMs: number;
  /** Load before the first round, until the code is compiled, in milliseconds a workload. */
  readonly warmUpMs: number;
  /** Leases issued and revoked in one round, by AWS latency. */
  readonly leases: { readonly withoutLatency: number; readonly withLatency: number };
  /** Leases issued and revoked before the first round. */
  readonly warmUpLeases: number;
  /** File for the figures as JSON. */
  readonly jsonFile: string | undefined;
  /** Folder for a CPU profile of the server. */
  readonly profileDir: string | undefined;
}

/** Thrown for arguments that mean nothing; the message says what does. */
export class BenchUsageError extends Error {}

/** What `--help` prints. */
export const benchUsage = `usage: npm run bench -- [--quick] [--json FILE] [--cpu-prof DIR]

Measures a leasehold server: calls a second, CPU time and latency beside those of a bare HTTP/2 server, and what
issuing and revoking AWS keys costs in round trips, time and CPU. Takes at most 90 seconds.

  --quick         fewer and shorter rounds: at most 20 seconds, and less to be trusted
  --json FILE     also writes every figure, round by round, to FILE
  --cpu-prof DIR  also writes a CPU profile of the server to DIR; the figures are then worse
`;

const full = {
  roundsMax: 5,
  budgetMs: 76_000,
  limitMs: 90_000,
  runMs: 1200,
  warmUpMs: 3000,
  leases: { withoutLatency: 80, withLatency: 8 },
  warmUpLeases: 700,
} as const;

const quick = {
  roundsMax: 2,
  budgetMs: 13_000,
  limitMs: 20_000,
  runMs: 500,
  warmUpMs: 700,
  leases: { withoutLatency: 50, withLatency: 4 },
  warmUpLeases: 60,
} as const;

/** Reads the arguments; undefined where help is asked for. Throws `BenchUsageError`. */
export function readBenchOptions(args: readonly string[]): BenchOptions | undefined {
  const options = {
    quick: { type: "boolean" },
    json: { type: "string" },
    "cpu-prof": { type: "string" },
    help: { type: "boolean" },
  } as const;
  const { values } = parse(() => parseArgs({ args: [...args], options, strict: true }));
  if (values.help === true) return undefined;
  for (const name of ["json", "cpu-prof"] as const) {
    if (values[name] === "") throw new BenchUsageError(`--${name} needs a name after it.\n\n${benchUsage}`);
  }
  return {
    ...(values.quick === true ? quick : full),
    jsonFile: values.json,
    profileDir: values["cpu-prof"],
  };
}

function parse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new BenchUsageError(`${error instanceof Error ? error.message : error}\n\n${benchUsage}`);
  }
}
