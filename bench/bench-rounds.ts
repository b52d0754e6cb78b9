import { type AwsBench, type AwsFigures, type AwsWorkloadName, measureAws } from "./aws-round.ts";
import { createBenchClient } from "./bench-client.ts";
import type { BenchOptions } from "./bench-options.ts";
import type { BenchWorld } from "./bench-world.ts";
import { watchForIntruders } from "./core-intruders.ts";
import { measureRpc, type RpcFigures } from "./rpc-round.ts";
import { prepareRpcWorkloads, type RpcWorkload, type RpcWorkloadName } from "./rpc-workloads.ts";
import { simulatorControl } from "./simulator-control.ts";

/** AWS latency that times are told in, in milliseconds. */
export const awsLatencyMs = 50;

/** Share of the time that warming up may take on a slow machine. */
const warmUpShareMax = 0.4;
/** Leases after which that is looked at. */
const warmUpStep = 30;

/** Everything that one round gave. */
export interface BenchRound {
  /** Share of the time in which other processes used the server's core; undefined where it has none for itself. */
  readonly intruders: number | undefined;
  readonly rpc: Readonly<Record<RpcWorkloadName, RpcFigures>>;
  /** With no latency of AWS. */
  readonly aws: Readonly<Record<AwsWorkloadName, AwsFigures>>;
  /** With a latency of `awsLatencyMs`. */
  readonly slowAws: Readonly<Record<AwsWorkloadName, AwsFigures>>;
}

/**
 * Measures round after round. The workloads take turns within a round, so that what disturbs the machine for
 * a while disturbs all of them.
 */
export async function measureRounds(
  world: BenchWorld,
  options: BenchOptions,
  say: (line: string) => void,
): Promise<readonly BenchRound[]> {
  const endsAtMs = performance.now() + options.budgetMs;
  const client = await createBenchClient(world.leasehold);
  const workloads = await prepareRpcWorkloads(world, client);
  const simulator = simulatorControl(world.awsUrl);
  const { awsUrl, leasehold } = world;
  const sdk = await world.startSdkFloor();
  const aws: AwsBench = { client, simulator, sdk, awsUrl, serverPid: leasehold.pid };
  say("Warming up.");
  for (const workload of workloads) await measureRpc(world.load, workload, options.warmUpMs);
  const isWarmLongEnough = () => performance.now() > endsAtMs - options.budgetMs * (1 - warmUpShareMax);
  for (let warm = 0; warm < options.warmUpLeases && !isWarmLongEnough(); warm += warmUpStep) {
    await measureAws(aws, { count: warmUpStep, latencyMs: 0 });
  }
  await world.bindServers();

  const rounds: BenchRound[] = [];
  let longestMs = 0;
  while (rounds.length < options.roundsMax) {
    const startedMs = performance.now();
    // A round begins only if it ends in time, going by the longest so far.
    if (rounds.length > 0 && startedMs + longestMs > endsAtMs) {
      say(`Time is up after ${rounds.length} of ${options.roundsMax} rounds.`);
      break;
    }
    say(`Round ${rounds.length + 1} of ${options.roundsMax}.`);
    rounds.push(await measureRound(world, { workloads, aws, options }));
    longestMs = Math.max(longestMs, performance.now() - startedMs);
  }
  return rounds;
}

async function measureRound(
  { load, serverCore }: BenchWorld,
  parts: {
    readonly workloads: readonly RpcWorkload[];
    readonly aws: AwsBench;
    readonly options: BenchOptions;
  },
): Promise<BenchRound> {
  const { workloads, aws, options } = parts;
  const pids = [...new Set([...workloads.map(({ server }) => server.pid), aws.sdk.pid])];
  const intruders = serverCore === undefined ? undefined : watchForIntruders(serverCore, pids);
  const rpc: Partial<Record<RpcWorkloadName, RpcFigures>> = {};
  for (const workload of workloads) rpc[workload.name] = await measureRpc(load, workload, options.runMs);
  const { floor, health, kvRead, leaseLookup } = rpc;
  if (!floor || !health || !kvRead || !leaseLookup) throw new Error("A workload was not measured.");
  const { withoutLatency, withLatency } = options.leases;
  const awsFigures = {
    aws: await measureAws(aws, { count: withoutLatency, latencyMs: 0 }),
    slowAws: await measureAws(aws, { count: withLatency, latencyMs: awsLatencyMs }),
  };
  return {
    intruders: intruders?.(),
    rpc: { floor, health, kvRead, leaseLookup },
    ...awsFigures,
  };
}
