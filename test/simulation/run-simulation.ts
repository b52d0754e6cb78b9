import { createCallers } from "./callers.ts";
import { planFaults, planFirstSecond, restores } from "./fault-plan.ts";
import type { FaultKind } from "./faults.ts";
import { createInvariants, type Violation } from "./invariants.ts";
import { createLeaseHistory } from "./lease-history.ts";
import { createRandom } from "./random.ts";
import { withSeededEntropy } from "./seeded-entropy.ts";
import { createServers } from "./servers.ts";
import { createWatchers } from "./watchers.ts";
import { createWorld } from "./world.ts";

/** What came of one run. */
export interface SimulationRun {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** How much virtual time passed. */
  readonly virtualMs: number;
  readonly events: number;
  /** How many leases began, and how many secrets were told. */
  readonly begun: number;
  readonly told: number;
  /** Leases that the storage lost though it had acknowledged them, as it was set up to. */
  readonly orphans: number;
  /** Users without a key or a permission that no stored lease names: AWS made them when all was over. */
  readonly strays: number;
  /** Tells two runs apart. */
  readonly traceHash: string;
  /** What happened, where it was asked for. */
  readonly trace: readonly string[];
}

const checkEveryMs = 5000;
/** How long the first start takes, until what it stored is safe with every kind of Redis, or was lost and mended. */
const settledMs = 3000;
/** After the last fault: the longest lease, its grace, every back-off, and the time in which AWS settles. */
const drainMsMax = 420_000;

/** Plays one seed: servers and callers under faults, then without, until everything has ended. */
export async function runSimulation(
  seed: number,
  options: { readonly isTraced?: boolean } = {},
): Promise<SimulationRun> {
  return withSeededEntropy(createRandom(seed, "entropy"), () => play(seed, options.isTraced ?? false));
}

async function play(seed: number, isTraced: boolean): Promise<SimulationRun> {
  const world = createWorld(seed, { isTraced });
  const { scheduler, trace, faults, ledger } = world;
  const random = world.random("run");
  const startMs = scheduler.nowMs();
  const invariants = createInvariants(world);
  // The stacks of the many failures that are part of a run cost more than all the rest of it.
  const framesMax = Error.stackTraceLimit;
  Error.stackTraceLimit = isTraced ? framesMax : 0;
  const onRejection = (error: unknown): void =>
    invariants.violate(
      "no promise is left to reject",
      error instanceof Error ? `${error.stack}` : String(error),
    );
  process.on("unhandledRejection", onRejection);
  try {
    const servers = createServers(world, invariants);
    servers.start(random.whole(1, 3));
    planFirstSecond(world, servers);
    const callers = createCallers({ world, servers, invariants, count: random.whole(1, 3) });
    // Each asks four times a second, which is most of the work of a run that has one.
    const prefixes = seed % 8 === 3 ? random.pick([["aws/"], [""], ["aws/creds/short/"]]) : [];
    const history = createLeaseHistory(world.redis);
    const watchers = createWatchers({ world, servers, invariants, history, prefixes });
    const checkKeyring = (): void => {
      const problem = servers.keyringProblem();
      if (problem !== undefined) invariants.violate("what is sealed can be opened later", problem);
    };
    await scheduler.run(startMs + settledMs);
    checkKeyring();
    if (restores(seed) === "empty") world.redis.backUp();
    let healsAtMs = Number.POSITIVE_INFINITY;
    callers.begin(() => {
      healsAtMs = scheduler.nowMs() + random.between(30_000, 90_000);
      planFaults(world, servers, healsAtMs);
      watchers.begin();
    });
    const isBroken = () => invariants.violation !== undefined;
    const pass = async (untilMs: () => number, isDone: () => boolean): Promise<void> => {
      while (scheduler.nowMs() < untilMs() && !isBroken() && !isDone()) {
        await scheduler.run(Math.min(scheduler.nowMs() + checkEveryMs, untilMs()), isBroken);
        invariants.checkIndexes();
      }
    };
    await pass(
      () => Math.min(healsAtMs, startMs + 300_000),
      () => false,
    );
    trace.add("no faults from here on");
    callers.stop();
    const drainedByMs = scheduler.nowMs() + drainMsMax;
    await pass(
      () => drainedByMs,
      () =>
        scheduler.nowMs() > healsAtMs + 2000 &&
        invariants.left() === undefined &&
        watchers.missing() === undefined,
    );
    checkKeyring();
    const missing = watchers.missing();
    if (missing !== undefined && !isBroken())
      invariants.violate("a watcher hears of every transition", missing);
    const left = invariants.left();
    if (left !== undefined && !isBroken()) invariants.violate("every lease ends", left);
  } finally {
    process.off("unhandledRejection", onRejection);
    Error.stackTraceLimit = framesMax;
  }
  return {
    ...{ seed, violation: invariants.violation, faults: faults.counts, events: scheduler.eventCount },
    ...{ virtualMs: scheduler.nowMs() - startMs, begun: ledger.begun.size, told: ledger.told.size },
    orphans: [...ledger.begun.keys()].filter((id) => ledger.isOrphan(id)).length,
    strays: invariants.strays(),
    ...{ traceHash: trace.hash, trace: trace.lines },
  };
}
