import { type BenchClient, credsPath } from "./bench-client.ts";
import { startCpuClock } from "./cpu-clock.ts";
import type { SdkFloorProcess } from "./sdk-floor-process.ts";
import { roundTrips, type SimulatedCall, type SimulatorControl } from "./simulator-control.ts";
import { percentile } from "./statistics.ts";
import { type Times, timeEach } from "./time-each.ts";

/**
 * Leases that are issued or revoked at the same time: some where AWS answers at once, for CPU time under load, and
 * one where AWS takes its time, so that none waits for another and the time is that of a caller alone.
 */
export const awsInFlight = { atOnce: 4, withLatency: 1 } as const;

/** What is done with AWS, in the order in which it is shown. The floors are the same calls with the bare SDK. */
export const awsWorkloadNames = ["issueFloor", "issue", "revokeFloor", "revoke"] as const;

/** Name of what is done with AWS. */
export type AwsWorkloadName = (typeof awsWorkloadNames)[number];

/** Figures of one of them in one round. What is told in latencies is undefined where AWS had none. */
export interface AwsFigures extends Times {
  /** CPU time of the server, or of the SDK's process, in milliseconds a lease. */
  readonly cpuMs: number;
  /** Median time as a multiple of AWS's latency. */
  readonly latencies?: number;
  /** Most round trips that a lease took. */
  readonly roundTrips?: number;
  /** From the request until AWS had deleted the key, median, as a multiple of AWS's latency. */
  readonly keyDeadLatencies?: number;
}

/** What takes part. */
export interface AwsBench {
  readonly client: BenchClient;
  readonly simulator: SimulatorControl;
  readonly sdk: SdkFloorProcess;
  readonly awsUrl: string;
  readonly serverPid: number;
}

interface AwsLoad {
  readonly count: number;
  readonly latencyMs: number;
}

const inFlightOf = ({ latencyMs }: AwsLoad): number =>
  latencyMs === 0 ? awsInFlight.atOnce : awsInFlight.withLatency;

/** Issues leases and revokes them, then does the same with the bare SDK, and measures. */
export async function measureAws(
  bench: AwsBench,
  load: AwsLoad,
): Promise<Readonly<Record<AwsWorkloadName, AwsFigures>>> {
  const { sdk, awsUrl, simulator } = bench;
  await simulator.setLatency(load.latencyMs);
  const measured = await measureLeases(bench, load);
  const measureFloor = async (kind: "issue" | "revoke"): Promise<AwsFigures> => {
    const cpuClock = startCpuClock(sdk.pid);
    const times = await sdk.run({ kind, awsUrl, count: load.count, inFlight: inFlightOf(load) });
    return inLatencies({ ...times, cpuMs: cpuClock() / load.count }, load);
  };
  const issueFloor = await measureFloor("issue");
  const revokeFloor = await measureFloor("revoke");
  await simulator.setLatency(0);
  return { ...measured, issueFloor, revokeFloor };
}

async function measureLeases(
  { client, simulator, serverPid }: AwsBench,
  load: AwsLoad,
): Promise<{ readonly issue: AwsFigures; readonly revoke: AwsFigures }> {
  const { secrets, leases, options } = client;
  const inFlight = inFlightOf(load);
  await simulator.clearCalls();
  const issueCpu = startCpuClock(serverPid);
  const issued = await timeEach(Array.from({ length: load.count }), inFlight, async () => {
    const { data, lease } = await secrets.read({ path: credsPath }, options);
    return { leaseId: lease?.id ?? "", accessKeyId: String(data?.["access_key"]) };
  });
  const issue = inLatencies({ ...issued.times, cpuMs: issueCpu() / load.count }, load);
  const issueCalls = await simulator.callsByUser();
  const users = await simulator.usersByKey();

  await simulator.clearCalls();
  const revokeCpu = startCpuClock(serverPid);
  const revoked = await timeEach(issued.results, inFlight, async ({ leaseId, accessKeyId }) => {
    const sentAtMs = Date.now();
    await leases.revoke({ leaseId }, options);
    return { sentAtMs, user: users.get(accessKeyId) ?? "" };
  });
  const revoke = inLatencies({ ...revoked.times, cpuMs: revokeCpu() / load.count }, load);
  const revokeCalls = await simulator.callsByUser();
  const deadMs = revoked.results.map(({ user, sentAtMs }) => deletedAtMs(revokeCalls, user) - sentAtMs);

  if (load.latencyMs === 0) return { issue, revoke };
  const most = (calls: ReadonlyMap<string, readonly SimulatedCall[]>): number =>
    Math.max(...revoked.results.map(({ user }) => roundTrips(calls.get(user) ?? [], load.latencyMs)));
  const keyDeadMs = percentile(
    deadMs.toSorted((a, b) => a - b),
    0.5,
  );
  return {
    issue: { ...issue, roundTrips: most(issueCalls) },
    revoke: { ...revoke, roundTrips: most(revokeCalls), keyDeadLatencies: keyDeadMs / load.latencyMs },
  };
}

function inLatencies(figures: AwsFigures, { latencyMs }: AwsLoad): AwsFigures {
  return latencyMs === 0 ? figures : { ...figures, latencies: figures.p50Ms / latencyMs };
}

/** When AWS had deleted the user's key. Throws where it did not. */
function deletedAtMs(calls: ReadonlyMap<string, readonly SimulatedCall[]>, user: string): number {
  const deletion = calls.get(user)?.find(({ action }) => action === "DeleteAccessKey");
  if (deletion?.outcome !== "OK") throw new Error(`The key of user "${user}" was not deleted.`);
  return deletion.atMs;
}
