/** `npm run bench:pacing`: many leases come due while AWS takes few calls. How many keys live on, and how many calls are wasted? */
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { LeaseState } from "../gen/leasehold/v1/leases_pb.ts";
import { type BenchClient, createBenchClient } from "./bench-client.ts";
import { createLeaseWorld, type LeaseWorld } from "./lease-world.ts";
import { mountAccessor } from "./mount-accessor.ts";
import { runBounded, UsageError } from "./run-bounded.ts";
import { issueAll, makeDue } from "./server-storm.ts";

const usage = `usage: npm run bench:pacing -- [--leases N] [--within MS] [--writes N] [--seconds N] [--servers N]

Lets N leases of AWS keys (5000) come due within MS milliseconds (5000) on N servers (2), while AWS takes N changes a
second (20) of the whole account and refuses the others. After N seconds (240) it prints how many keys are alive, and
which share of the calls was refused. It wants at most 2 % of the leases more than those that AWS had no time for
(300 keys by default), under 5 % of the calls, and no lease irrevocable: it exits 1 where that is not so.
`;

interface PacingOptions {
  readonly leases: number;
  readonly withinMs: number;
  readonly writesPerSecond: number;
  readonly seconds: number;
  readonly servers: number;
}

/** What is wanted: few keys more than those that AWS had no time for, as a share of all leases, and few calls that it refused. */
const aims = { alivePastNeedMax: 0.02, wastedShareMax: 0.05 } as const;

const everySeconds = 10;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function readOptions(args: readonly string[]): PacingOptions | undefined {
  const text = { type: "string" } as const;
  const options = { leases: text, within: text, writes: text, seconds: text, servers: text } as const;
  const { values } = (() => {
    try {
      return parseArgs({ args: [...args], options: { ...options, help: { type: "boolean" } }, strict: true });
    } catch (error) {
      throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    }
  })();
  if (values.help === true) return undefined;
  const whole = (name: keyof typeof options, fallback: number, max: number): number => {
    const value = values[name] ?? String(fallback);
    if (/^\d+$/.test(value) && Number(value) >= 1 && Number(value) <= max) return Number(value);
    throw new UsageError(`--${name} must be a whole number from 1 to ${max}; it is "${value}".\n\n${usage}`);
  };
  return {
    leases: whole("leases", 5000, 100_000),
    withinMs: whole("within", 5000, 600_000),
    writesPerSecond: whole("writes", 20, 10_000),
    seconds: whole("seconds", 240, 3600),
    servers: whole("servers", 2, 8),
  };
}

/** What the simulator has seen since the leases came due. */
interface Progress {
  readonly keysDeleted: number;
  readonly usersDeleted: number;
  readonly calls: number;
  readonly refused: number;
}

async function look({ simulator }: LeaseWorld): Promise<Progress> {
  const outcomes = await simulator.outcomes();
  const all = Object.values(outcomes);
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  return {
    keysDeleted: outcomes["DeleteAccessKey"]?.["OK"] ?? 0,
    usersDeleted: outcomes["DeleteUser"]?.["OK"] ?? 0,
    calls: sum(all.flatMap((each) => Object.values(each))),
    refused: sum(all.map((each) => each["Throttling"] ?? 0)),
  };
}

async function irrevocableLeases({ leases, options }: BenchClient): Promise<number> {
  const { leases: found } = await leases.list(
    { prefix: "aws/", pageSize: 1000, states: [LeaseState.IRREVOCABLE] },
    options,
  );
  return found.length;
}

async function measure(options: PacingOptions, onStop: (end: () => Promise<unknown>) => void): Promise<void> {
  const { leases, withinMs, writesPerSecond, seconds, servers } = options;
  say(`Starting Redis, the AWS simulator and ${servers} servers.`);
  const world = await createLeaseWorld(say);
  onStop(() => world.stop());
  const server = await world.startServer();
  for (let more = 1; more < servers; more++) await world.startServer();
  const target = { grpcUrl: server.grpcUrl, rootToken: world.rootToken };
  const client = await createBenchClient(target);
  const accessor = await mountAccessor(target, "aws");
  await issueAll({ client, say }, leases);
  // Long enough ahead for the last of them to be moved before the first is due.
  const fromMs = (await world.store.nowMs()) + 5000 + 2 * leases;
  await makeDue(
    { world, accessor },
    Array.from({ length: leases }, (_, at) => Math.floor(fromMs + (at * withinMs) / leases)),
  );
  await world.simulator.limitWrites(writesPerSecond);
  await world.simulator.clearCalls();
  if ((await world.store.nowMs()) > fromMs)
    throw new Error("The leases came due while they were still being moved.");
  await delay(fromMs - (await world.store.nowMs()));

  say("   s  keys alive  users gone   calls  refused");
  const row = (atSeconds: number, { keysDeleted, usersDeleted, calls, refused }: Progress): string =>
    [
      String(atSeconds).padStart(4),
      String(leases - keysDeleted).padStart(12),
      String(usersDeleted).padStart(12),
      String(calls).padStart(8),
      `${((100 * refused) / Math.max(1, calls)).toFixed(2)} %`.padStart(9),
    ].join("");
  for (let atSeconds = everySeconds; atSeconds < seconds; atSeconds += everySeconds) {
    await delay(fromMs + atSeconds * 1000 - (await world.store.nowMs()));
    say(row(atSeconds, await look(world)));
  }
  await delay(fromMs + seconds * 1000 - (await world.store.nowMs()));
  const end = await look(world);
  const irrevocable = await irrevocableLeases(client);
  const alive = leases - end.keysDeleted;
  const wasted = end.refused / Math.max(1, end.calls);
  const aliveMax =
    Math.max(0, leases - writesPerSecond * seconds) + Math.round(leases * aims.alivePastNeedMax);
  const verdict = (isMet: boolean): string => (isMet ? "ok" : "MISSED");
  const met = [alive <= aliveMax, wasted < aims.wastedShareMax, irrevocable === 0];
  process.stdout.write(
    [
      `${leases} leases due within ${withinMs} ms, AWS at ${writesPerSecond} changes a second, ${servers} servers, ${world.redisVersion}.`,
      `  keys alive after ${seconds} s    ${alive} (aim: at most ${aliveMax}) ${verdict(met[0] === true)}`,
      `  calls refused            ${end.refused} of ${end.calls}, ${(100 * wasted).toFixed(2)} % (aim: under ${100 * aims.wastedShareMax} %) ${verdict(met[1] === true)}`,
      `  irrevocable leases       ${irrevocable} (aim: none) ${verdict(met[2] === true)}`,
      `  changes AWS took         ${((100 * (end.keysDeleted + end.usersDeleted)) / (writesPerSecond * (seconds + 1))).toFixed(1)} % of what it would have taken were deletions of keys and users`,
      "",
    ].join("\n"),
  );
  if (!met.every((each) => each)) process.exitCode = 1;
}

await runBounded({
  limitMs: 4_200_000,
  async work(onStop) {
    const options = readOptions(process.argv.slice(2));
    if (options === undefined) process.stdout.write(usage);
    else await measure(options, onStop);
  },
});
