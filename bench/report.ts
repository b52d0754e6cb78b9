import { type Aim, judge } from "./aims.ts";
import { type AwsWorkloadName, awsInFlight, awsWorkloadNames } from "./aws-round.ts";
import { awsLatencyMs, type BenchRound } from "./bench-rounds.ts";
import { type RpcFigures, rpcLoad } from "./rpc-round.ts";
import { type RpcWorkloadName, rpcWorkloadNames } from "./rpc-workloads.ts";
import { spreadOf } from "./statistics.ts";
import { textTable } from "./text-table.ts";

/** Beyond this the figures say more about the machine than about the server. */
const intrudersPercentMax = 5;

const rpcTitles: Readonly<Record<RpcWorkloadName, string>> = {
  floor: "floor: bare node:http2",
  health: "health Check",
  kvRead: "KV read, 64 bytes",
  leaseLookup: "lease Lookup",
};

const awsTitles: Readonly<Record<AwsWorkloadName, string>> = {
  issueFloor: "floor: the issue's 3 calls with the bare SDK",
  issue: "issue",
  revokeFloor: "floor: the revocation's 4 calls with the bare SDK",
  revoke: "revoke",
};

const rpcColumns: readonly {
  readonly title: string;
  readonly key: keyof RpcFigures;
  readonly digits: number;
}[] = [
  { title: "requests/s", key: "requestsPerSecond", digits: 0 },
  { title: "CPU us/request", key: "cpuUs", digits: 1 },
  { title: "p50 ms", key: "p50Ms", digits: 2 },
  { title: "p99 ms", key: "p99Ms", digits: 2 },
  { title: "server busy", key: "busy", digits: 2 },
];

/** All figures as text: the median of the rounds, and in brackets the least and the most. */
export function reportText(rounds: readonly BenchRound[], surroundings: readonly string[]): string {
  return [
    ...surroundings,
    ...disturbance(rounds),
    `Median of ${rounds.length} rounds (least to most).`,
    "",
    `Calls, ${rpcLoad.inFlight} in flight over ${rpcLoad.connections} connections`,
    textTable(
      ["", ...rpcColumns.map(({ title }) => title)],
      rpcWorkloadNames.map((name) => [
        rpcTitles[name],
        ...rpcColumns.map(({ key, digits }) =>
          cell(
            rounds.map(({ rpc }) => rpc[name][key]),
            digits,
          ),
        ),
      ]),
    ),
    "",
    "The same as multiples of the floor",
    textTable(
      ["", ...rpcColumns.slice(0, 4).map(({ title }) => title.replace(/ .*/, ""))],
      rpcWorkloadNames.slice(1).map((name) => [
        rpcTitles[name],
        ...rpcColumns.slice(0, 4).map(({ key }) =>
          cell(
            rounds.map(({ rpc }) => rpc[name][key] / rpc.floor[key]),
            2,
          ),
        ),
      ]),
    ),
    "",
    `AWS leases, ${awsInFlight.atOnce} in flight, AWS at 0 ms`,
    awsTable(rounds.map(({ aws }) => aws)),
    "",
    `AWS leases, one after the other, AWS at ${awsLatencyMs} ms`,
    awsTable(rounds.map(({ slowAws }) => slowAws)),
    "",
    "Aims",
    textTable(["", "measured", "aim", ""], judge(rounds).map(aimRow)),
  ].join("\n");
}

/** What the rounds say about how far they can be trusted. */
function disturbance(rounds: readonly BenchRound[]): string[] {
  const shares = rounds.flatMap(({ intruders }) => (intruders === undefined ? [] : [intruders * 100]));
  if (shares.length === 0) return [];
  const sentence = `Other processes used ${cell(shares, 0)} % of the server's core`;
  const isTooMuch = spreadOf(shares).median > intrudersPercentMax;
  return [
    isTooMuch
      ? `${sentence}: too much to trust these figures. Run again on a quiet machine.`
      : `${sentence}.`,
  ];
}

function awsTable(rounds: readonly BenchRound["aws"][]): string {
  const rows = awsWorkloadNames.map((name) => {
    const all = rounds.map((figures) => figures[name]);
    const optional = (values: readonly (number | undefined)[], digits: number): string => {
      const known = values.filter((value) => value !== undefined);
      return known.length === 0 ? "-" : cell(known, digits);
    };
    return [
      awsTitles[name],
      cell(
        all.map(({ perSecond }) => perSecond),
        0,
      ),
      cell(
        all.map(({ cpuMs }) => cpuMs),
        2,
      ),
      cell(
        all.map(({ p50Ms }) => p50Ms),
        1,
      ),
      cell(
        all.map(({ p99Ms }) => p99Ms),
        1,
      ),
      optional(
        all.map((figures) => figures.roundTrips),
        0,
      ),
      optional(
        all.map((figures) => figures.latencies),
        2,
      ),
      optional(
        all.map((figures) => figures.keyDeadLatencies),
        2,
      ),
    ];
  });
  return textTable(
    ["", "leases/s", "CPU ms/lease", "p50 ms", "p99 ms", "round trips", "latencies", "key dead"],
    rows,
  );
}

function aimRow({ figure, spread, wanted, isMet }: Aim): string[] {
  const aim = "atLeast" in wanted ? `at least ${wanted.atLeast}` : `at most ${wanted.atMost}`;
  const missed = "atLeast" in wanted ? "under" : "over";
  return [figure, cell([spread.median, spread.min, spread.max], 2), aim, isMet ? "ok" : missed];
}

function cell(values: readonly number[], digits: number): string {
  const { median, min, max } = spreadOf(values);
  const text = (value: number): string => value.toFixed(digits);
  return text(min) === text(max) ? text(median) : `${text(median)} (${text(min)}-${text(max)})`;
}
