import { awsLatencyMs, type BenchRound } from "./bench-rounds.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** A figure that has an aim. */
export interface Aim {
  readonly figure: string;
  readonly spread: Spread;
  readonly wanted: { readonly atLeast: number } | { readonly atMost: number };
  /** Whether the median keeps to it. */
  readonly isMet: boolean;
}

const share = (round: BenchRound, name: "kvRead" | "leaseLookup"): number =>
  round.rpc[name].requestsPerSecond / round.rpc.floor.requestsPerSecond;

/** A figure that this round lacks makes the aim fail rather than pass. */
const required = (figure: number | undefined): number => figure ?? Number.NaN;

const aims: readonly {
  readonly figure: string;
  readonly of: (round: BenchRound) => number;
  readonly wanted: Aim["wanted"];
}[] = [
  {
    figure: "KV read, requests/s over the floor's",
    of: (round) => share(round, "kvRead"),
    wanted: { atLeast: 0.25 },
  },
  {
    figure: "lease Lookup, requests/s over the floor's",
    of: (round) => share(round, "leaseLookup"),
    wanted: { atLeast: 0.3 },
  },
  {
    figure: `issue, time in latencies of ${awsLatencyMs} ms`,
    of: ({ slowAws }) => required(slowAws.issue.latencies),
    wanted: { atMost: 2.2 },
  },
  {
    figure: `revoke, time in latencies of ${awsLatencyMs} ms`,
    of: ({ slowAws }) => required(slowAws.revoke.latencies),
    wanted: { atMost: 2.2 },
  },
  {
    figure: "revoke, key dead, in latencies",
    of: ({ slowAws }) => required(slowAws.revoke.keyDeadLatencies),
    wanted: { atMost: 1.2 },
  },
  { figure: "issue, CPU ms", of: ({ aws }) => aws.issue.cpuMs, wanted: { atMost: 1.6 } },
  { figure: "revoke, CPU ms", of: ({ aws }) => aws.revoke.cpuMs, wanted: { atMost: 1.5 } },
];

/** Holds the aims against what was measured. */
export function judge(rounds: readonly BenchRound[]): readonly Aim[] {
  return aims.map(({ figure, of, wanted }) => {
    const spread = spreadOf(rounds.map(of));
    const isMet = "atLeast" in wanted ? spread.median >= wanted.atLeast : spread.median <= wanted.atMost;
    return { figure, spread, wanted, isMet };
  });
}
