/**
 * Plays the simulation with many seeds, and says what went wrong in it and how
 * often: `npm run test:sim -- --seeds 10000`. A fault that never struck fails
 * the run, as does the first seed with which something does not hold.
 *
 * --seeds N   how many seeds (200)    --from N   the first of them (1)
 * --seed N    this seed alone         --trace    prints what happened, event by event
 */
import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { faultKinds } from "../test/simulation/faults.ts";
import { runSimulation, type SimulationRun } from "../test/simulation/run-simulation.ts";
import { replayCommand } from "../test/simulation/seeds.ts";

/** With fewer seeds than this, not every fault can be expected to strike. */
const seedsForEveryFault = 100;

/** Seeds between two lines that say how far a run is. */
const tellEvery = 500;

/**
 * How many seeds one thread plays. What a killed process waits for is never settled, and Node keeps whatever listens to a
 * signal made by `AbortSignal.any` until that is; so a thread grows by a third of a megabyte a seed, and ends with it.
 */
const seedsOfThreadMax = 200;

/** Seeds that one thread plays: `from` up to, and without, `to`. */
interface Share {
  readonly from: number;
  readonly to: number;
}

/** Sums over runs. */
interface Sums {
  seeds: number;
  virtualMs: number;
  events: number;
  begun: number;
  told: number;
  orphans: number;
  strays: number;
  readonly faults: Map<string, number>;
}

if (isMainThread) await main();
else await playShare(workerData as Share);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "200" },
      from: { type: "string", default: "1" },
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
    },
  });
  const numberOf = (name: "seeds" | "from" | "seed"): number => {
    const value = Number(values[name]);
    if (Number.isSafeInteger(value) && value > 0) return value;
    process.stderr.write(`--${name} must be a whole number above 0, not "${values[name]}".\n`);
    process.exit(2);
  };
  if (values.seed !== undefined) process.exitCode = await playOne(numberOf("seed"), values.trace);
  else process.exitCode = await playMany(numberOf("from"), numberOf("seeds"));
}

async function playOne(seed: number, isTraced: boolean): Promise<number> {
  const run = await runSimulation(seed, { isTraced });
  for (const line of run.trace) process.stdout.write(`${line}\n`);
  const { begun, told, virtualMs, traceHash } = run;
  process.stdout.write(
    `seed ${seed}: ${begun} leases, ${told} secrets told, ${seconds(virtualMs)} s of virtual time, trace ${traceHash}\n`,
  );
  if (run.violation) report(run);
  return run.violation ? 1 : 0;
}

/** Shares the seeds out to threads, as many at a time as there are cores. */
async function playMany(from: number, count: number): Promise<number> {
  const startedMs = performance.now();
  const sums: Sums = {
    seeds: 0,
    virtualMs: 0,
    events: 0,
    begun: 0,
    told: 0,
    orphans: 0,
    strays: 0,
    faults: new Map(),
  };
  const broken: SimulationRun[] = [];
  const lanes = Math.min(availableParallelism(), count);
  const shareMax = Math.min(seedsOfThreadMax, Math.ceil(count / lanes));
  const workers = new Set<Worker>();
  let next = from;
  const stop = (): void => {
    next = Number.POSITIVE_INFINITY;
    for (const each of workers) each.postMessage("stop");
  };
  const play = (share: Share): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { workerData: share });
      workers.add(worker);
      worker.on("message", (run: SimulationRun) => {
        addUp(sums, run);
        if (sums.seeds % tellEvery === 0) process.stderr.write(`${sums.seeds} seeds of ${count}\n`);
        if (!run.violation) return;
        broken.push(run);
        stop();
      });
      worker.on("error", reject);
      worker.on("exit", () => {
        workers.delete(worker);
        resolve();
      });
    });
  const playShares = async (): Promise<void> => {
    while (next < from + count) {
      const share = { from: next, to: Math.min(next + shareMax, from + count) };
      next = share.to;
      await play(share);
    }
  };
  // Tells what there is so far.
  process.once("SIGINT", stop).once("SIGTERM", stop);
  await Promise.all(Array.from({ length: lanes }, playShares));
  broken.sort((one, other) => one.seed - other.seed);
  tell(sums, performance.now() - startedMs);
  for (const run of broken) report(run);
  const missing = faultKinds.filter((kind) => !sums.faults.has(kind));
  const mustStrike = broken.length === 0 && sums.seeds >= seedsForEveryFault;
  if (mustStrike && missing.length > 0) {
    process.stdout.write(
      `\nNever struck: ${missing.join(", ")}. A fault that never strikes proves nothing.\n`,
    );
    return 1;
  }
  return broken.length > 0 ? 1 : 0;
}

/** Plays seeds one after the other, in a thread of its own, until it is told to stop. */
async function playShare({ from, to }: Share): Promise<void> {
  let isStopped = false;
  parentPort?.on("message", () => {
    isStopped = true;
  });
  for (let seed = from; seed < to && !isStopped; seed++) {
    parentPort?.postMessage(await runSimulation(seed));
  }
  parentPort?.close();
}

function addUp(sums: Sums, run: SimulationRun): void {
  sums.seeds += 1;
  for (const name of ["virtualMs", "events", "begun", "told", "orphans", "strays"] as const)
    sums[name] += run[name];
  for (const [kind, count] of run.faults) sums.faults.set(kind, (sums.faults.get(kind) ?? 0) + count);
}

function tell(sums: Sums, tookMs: number): void {
  const { seeds, virtualMs, events, begun, told, orphans, strays, faults } = sums;
  const hours = (virtualMs / 3_600_000).toFixed(1);
  process.stdout.write(
    `${seeds} seeds, ${hours} h of virtual time in ${seconds(tookMs)} s, ${events} events; ${begun} leases, ` +
      `${told} secrets told\n` +
      `${orphans} leases that Redis had acknowledged were lost with it, as it was set up to; their guards end them\n` +
      `${strays} users without a key or a permission were made by AWS after their client had given up on that and deleted them\n\n`,
  );
  const width = Math.max(...faultKinds.map((kind) => kind.length));
  for (const kind of faultKinds) process.stdout.write(`${kind.padEnd(width)}  ${faults.get(kind) ?? 0}\n`);
}

function report({ seed, violation }: SimulationRun): void {
  if (!violation) return;
  process.stdout.write(
    `\nseed ${seed}: this does not hold: ${violation.invariant}\n  ${violation.what}\n  play it again with: ${replayCommand(seed)}\n`,
  );
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
