/** `npm run bench:storm`: many leases come due at once. How late does each key die, and how long until all are gone? */
import { arch, cpus, platform } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { userNameOf } from "../src/backends/aws/user-name.ts";
import { engineDefaults } from "../src/core/engine-settings.ts";
import { type BenchClient, createBenchClient, credsPath } from "./bench-client.ts";
import { startCpuClock } from "./cpu-clock.ts";
import { createDeathWatch, type Deaths } from "./death-watch.ts";
import { createLeaseWorld, type LeaseWorld } from "./lease-world.ts";
import { mountAccessor } from "./mount-accessor.ts";
import { runBounded, UsageError } from "./run-bounded.ts";
import { startSdkFloor } from "./sdk-floor-process.ts";
import { percentile } from "./statistics.ts";
import { timeEach } from "./time-each.ts";

const usage = `usage: npm run bench:storm -- [--leases N] [--within MS] [--latency MS]

Lets N leases of AWS keys (10000) come due within MS milliseconds (1000) on one server, with an AWS that takes MS
milliseconds longer (0), and prints how late the keys died, when all was gone, and what the same calls cost with the
bare AWS SDK.
`;

interface StormOptions {
  readonly leases: number;
  readonly withinMs: number;
  readonly latencyMs: number;
}

const limitMs = 600_000;
const issuesInFlight = 16;
const renewalsInFlight = 200;
const pageSize = 1000;
const floorLeasesMax = 2000;
const floorChunk = 500;
const watchEveryMs = 1000;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

function readOptions(args: readonly string[]): StormOptions | undefined {
  const text = { type: "string" } as const;
  const options = { leases: text, within: text, latency: text, help: { type: "boolean" } } as const;
  const { values } = (() => {
    try {
      return parseArgs({ args: [...args], options, strict: true });
    } catch (error) {
      throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    }
  })();
  if (values.help === true) return undefined;
  const whole = (name: "leases" | "within" | "latency", fallback: number, max: number): number => {
    const value = values[name] ?? String(fallback);
    if (/^\d+$/.test(value) && Number(value) <= max) return Number(value);
    throw new UsageError(`--${name} must be a whole number of at most ${max}; it is "${value}".\n\n${usage}`);
  };
  const leases = whole("leases", 10_000, 100_000);
  if (leases === 0) throw new UsageError(`--leases must be at least 1.\n\n${usage}`);
  return { leases, withinMs: whole("within", 1000, 600_000), latencyMs: whole("latency", 0, 5000) };
}

/** Issues the leases, an hour long each, as callers would. */
async function issueAll({ secrets, options }: BenchClient, count: number): Promise<void> {
  const { times } = await timeEach(Array.from({ length: count }), issuesInFlight, () =>
    secrets.read({ path: credsPath }, options),
  );
  say(`Issued ${count} leases, ${times.perSecond.toFixed(0)} a second.`);
}

/** Moves the expiry of every lease into the span that begins at `fromMs`; answers when each user's lease is due. */
async function makeDue(
  { store }: LeaseWorld,
  accessor: string,
  span: { readonly fromMs: number; readonly withinMs: number; readonly leases: number },
): Promise<ReadonlyMap<string, number>> {
  const dueMs = new Map<string, number>();
  for (let after = ""; ; ) {
    const page = await store.list(accessor, { prefix: "", after, limit: pageSize });
    const last = page.at(-1);
    if (last === undefined) return dueMs;
    after = last.id;
    await timeEach(page, renewalsInFlight, async (lease) => {
      const expiresAtMs = Math.floor(span.fromMs + (dueMs.size * span.withinMs) / span.leases);
      dueMs.set(userNameOf("deploy", lease.id.split("/").at(-1) ?? ""), expiresAtMs);
      await store.renew(lease, { expectedExpiresAtMs: lease.expiresAtMs, expiresAtMs });
    });
  }
}

/** Waits until every user is gone, and reads the simulator's log meanwhile. */
async function watchThemGo(world: LeaseWorld, leases: number): Promise<Deaths> {
  const watch = createDeathWatch(world.simulator);
  while (watch.users.size < leases) {
    await delay(watchEveryMs);
    await watch.look();
  }
  return watch;
}

/** Calls a second of a revocation with the bare SDK, as leases; as many at a time as one server has under way. */
async function measureFloor(world: LeaseWorld, leases: number): Promise<number> {
  const sdk = startSdkFloor();
  world.onStop(() => sdk.stop());
  const order = { awsUrl: world.awsUrl, inFlight: engineDefaults.laneConcurrency };
  let [tookMs, done] = [0, 0];
  while (done < Math.min(leases, floorLeasesMax)) {
    const count = Math.min(floorChunk, leases - done);
    await sdk.run({ ...order, kind: "issue", count });
    const { perSecond } = await sdk.run({ ...order, kind: "revoke", count });
    tookMs += (count / perSecond) * 1000;
    done += count;
  }
  return (done / tookMs) * 1000;
}

async function storm(options: StormOptions, onStop: (end: () => Promise<unknown>) => void): Promise<void> {
  const { leases, withinMs, latencyMs } = options;
  say("Starting Redis, the AWS simulator and the server.");
  const world = await createLeaseWorld(say);
  onStop(() => world.stop());
  const server = await world.startServer();
  const target = { grpcUrl: server.grpcUrl, rootToken: world.rootToken };
  const client = await createBenchClient(target);
  const accessor = await mountAccessor(target, "aws");
  await issueAll(client, leases);
  await world.simulator.setLatency(latencyMs);
  await world.simulator.clearCalls();

  // Long enough ahead for the last of them to be moved before the first is due.
  const fromMs = (await world.store.nowMs()) + 5000 + 2 * leases;
  const dueMs = await makeDue(world, accessor, { fromMs, withinMs, leases });
  if ((await world.store.nowMs()) > fromMs)
    throw new Error("The leases came due while they were still being moved.");
  await delay(fromMs - (await world.store.nowMs()));
  const [serverCpu, simulatorCpu] = [server.pid, world.simulatorPid].map((pid) => startCpuClock(pid));
  const startedMs = performance.now();
  const deaths = await watchThemGo(world, leases);
  const tookMs = performance.now() - startedMs;
  const cpuMs = [serverCpu, simulatorCpu].map((clock) => clock?.() ?? Number.NaN);
  const busy = cpuMs.map((ms) => `${(ms / leases).toFixed(2)} ms a lease, ${(ms / tookMs).toFixed(2)} cores`);

  say("Measuring the same calls with the bare AWS SDK.");
  const floorPerSecond = await measureFloor(world, leases);
  const lateMs = [...dueMs]
    .map(([user, due]) => (deaths.keys.get(user) ?? Number.NaN) - due)
    .sort((a, b) => a - b);
  const lastDueMs = fromMs + withinMs;
  const after = (times: ReadonlyMap<string, number>, sinceMs: number): string =>
    `${((Math.max(...times.values()) - sinceMs) / 1000).toFixed(2)} s`;
  const late = (share: number): string => `${percentile(lateMs, share).toFixed(0)} ms`;
  const drainedMs = Math.max(...deaths.users.values()) - fromMs;
  const floorMs = (leases / floorPerSecond) * 1000;
  process.stdout.write(
    [
      `Node ${process.version}, ${platform()} ${arch()}, ${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown"}, ${world.redisVersion}.`,
      `${leases} leases due within ${withinMs} ms, AWS at ${latencyMs} ms, one server.`,
      `  lateness of a key's death   p50 ${late(0.5)}, p99 ${late(0.99)}, most ${late(1)}`,
      `  all keys dead               ${after(deaths.keys, fromMs)} after the first was due, ${after(deaths.keys, lastDueMs)} after the last`,
      `  all users gone              ${after(deaths.users, fromMs)} after the first was due, ${after(deaths.users, lastDueMs)} after the last`,
      `  leases a second             ${((leases / drainedMs) * 1000).toFixed(0)}`,
      `  CPU of the server           ${busy[0]} of ${cpus().length}`,
      `  CPU of the AWS simulator    ${busy[1]}`,
      `  floor: same calls, bare SDK ${(floorMs / 1000).toFixed(2)} s, ${floorPerSecond.toFixed(0)} leases a second; the server took ${(drainedMs / floorMs).toFixed(2)} times as long`,
      "",
    ].join("\n"),
  );
}

await runBounded({
  limitMs,
  async work(onStop) {
    const options = readOptions(process.argv.slice(2));
    if (options === undefined) process.stdout.write(usage);
    else await storm(options, onStop);
  },
});
