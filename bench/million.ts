/** `npm run bench:million`: a million leases in Redis. What do a start, an idle server and a single transition cost then? */
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch, cpus, platform } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { SecretService } from "../gen/leasehold/v1/secrets_pb.ts";
import { userNameOf } from "../src/backends/aws/user-name.ts";
import type { ServerProcess } from "../src/dev/start-server-process.ts";
import { leaseKey } from "../src/redis/keys.ts";
import { numberOf, textOf } from "../src/redis/reply.ts";
import { createBenchClient, credsPath } from "./bench-client.ts";
import { createDeathWatch, type DeathWatch } from "./death-watch.ts";
import { loadLeases } from "./lease-loader.ts";
import { createLeaseWorld, type LeaseWorld } from "./lease-world.ts";
import { mountAccessor } from "./mount-accessor.ts";
import { runBounded, UsageError } from "./run-bounded.ts";
import { percentile } from "./statistics.ts";
import { type Times, timeEach } from "./time-each.ts";

const usage = `usage: npm run bench:million -- [--leases N]

Loads N leases (1000000) that are not due into Redis, and prints what a server's start until its first revocation, its
memory, the lateness of 200 short leases, and a renewal, a claim and a finish cost then.
`;

const limitMs = 420_000;
const role = "deploy";
const hourMs = 3_600_000;
const shortLeases = 200;
const shortTtl = "6s";
const shortInFlight = 4;
const transitions = 150;
const pollMs = 20;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const nameOf = (leaseId: string): string => userNameOf(role, leaseId.split("/").at(-1) ?? "");

function leasesWanted(args: readonly string[]): number | undefined {
  const options = { leases: { type: "string" }, help: { type: "boolean" } } as const;
  const { values } = (() => {
    try {
      return parseArgs({ args: [...args], options, strict: true });
    } catch (error) {
      throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${usage}`);
    }
  })();
  if (values.help === true) return undefined;
  const count = Number(values.leases ?? "1000000");
  if (Number.isInteger(count) && count >= 1000 && count <= 5_000_000) return count;
  throw new UsageError(
    `--leases must be a whole number from 1000 to 5000000; it is "${values.leases}".\n\n${usage}`,
  );
}

/** Issues short leases; answers when each user's lease is due. */
async function issueShort(
  { rootToken }: LeaseWorld,
  { grpcUrl }: ServerProcess,
  count: number,
): Promise<ReadonlyMap<string, number>> {
  const transport = createGrpcTransport({ baseUrl: grpcUrl, idleConnectionTimeoutMs: 500 });
  const secrets = createClient(SecretService, transport);
  const call = { headers: { authorization: `Bearer ${rootToken}` }, timeoutMs: 20_000 };
  const { results } = await timeEach(Array.from({ length: count }), shortInFlight, async () => {
    const { lease } = await secrets.read({ path: credsPath, parameters: { ttl: shortTtl } }, call);
    const { seconds = 0n, nanos = 0 } = lease?.expiresAt ?? {};
    return [nameOf(lease?.id ?? ""), Number(seconds) * 1000 + nanos / 1e6] as const;
  });
  return new Map(results);
}

async function untilDead(watch: DeathWatch, users: Iterable<string>): Promise<void> {
  const names = [...users];
  while (!names.every((name) => watch.keys.has(name))) {
    await delay(pollMs);
    await watch.look();
  }
}

const usedBytes = async ({ redis }: LeaseWorld): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(textOf(await redis.call("INFO", "memory")))?.[1]);

/** Resident memory of a process, as Linux tells it; not a number elsewhere. */
function residentMb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Throws where a lease that was loaded is laid out otherwise than one that a server made. */
async function compareLayouts(
  { redis }: LeaseWorld,
  accessor: string,
  ids: { readonly made: string; readonly loaded: string },
): Promise<number> {
  const look = async (id: string) => {
    const key = leaseKey(accessor, id);
    const encoding = textOf(await redis.call("OBJECT", "ENCODING", key));
    return { encoding, bytes: numberOf(await redis.call("MEMORY", "USAGE", key)) };
  };
  const [made, loaded] = [await look(ids.made), await look(ids.loaded)];
  const differs = made.encoding !== loaded.encoding || Math.abs(made.bytes - loaded.bytes) > 32;
  if (differs)
    throw new Error(
      `A lease made is ${JSON.stringify(made)} in Redis, one loaded ${JSON.stringify(loaded)}.`,
    );
  return loaded.bytes;
}

/** One transition after the other, each on leases of its own. */
async function timeTransitions({ store, redis }: LeaseWorld, accessor: string, ids: readonly string[]) {
  const refs = ids.slice(0, transitions).map((id) => ({ accessor, id }));
  const one = 1;
  const floor = await timeEach(refs, one, () => redis.call("SET", "lh:bench", randomBytes(300)));
  const renew = await timeEach(refs, one, async (ref) => {
    const stored = await store.get(ref);
    if (stored === undefined) throw new Error(`There is no lease "${ref.id}".`);
    return stored;
  }).then(({ results }) =>
    timeEach(results, one, async (stored) => {
      const { expiresAtMs } = stored;
      await store.renew(stored, { expectedExpiresAtMs: expiresAtMs, expiresAtMs: expiresAtMs + hourMs });
    }),
  );
  const fence = "bench";
  const claim = await timeEach(refs, one, ({ id }) =>
    store.claim(accessor, [{ kind: "requested", id }], { fence, visibilityMs: hourMs }),
  );
  const finish = await timeEach(refs, one, (ref) => store.finish(ref, { fence, role, caller: "root" }));
  await redis.call("DEL", "lh:bench");
  return { floor: floor.times, renew: renew.times, claim: claim.times, finish: finish.times };
}

async function million(count: number, onStop: (end: () => Promise<unknown>) => void): Promise<void> {
  say("Starting Redis, the AWS simulator and a server.");
  const world = await createLeaseWorld(say);
  onStop(() => world.stop());
  const { store, redis } = world;
  const first = await world.startServer();
  const target = { grpcUrl: first.grpcUrl, rootToken: world.rootToken };
  const client = await createBenchClient(target);
  const accessor = await mountAccessor(target, "aws");
  const { lease } = await client.secrets.read({ path: credsPath }, client.options);
  const madeId = lease?.id ?? "";
  const made = await store.get({ accessor, id: madeId });
  if (made === undefined) throw new Error("The server made no lease.");

  const emptyMb = residentMb(first.pid);
  const beforeBytes = await usedBytes(world);
  const fromMs = (await store.nowMs()) + hourMs;
  const loading = { accessor, count, role, caller: "root", fromMs, toMs: fromMs + 23 * hourMs };
  await redis.call("CONFIG", "SET", "appendfsync", "no");
  const loadStartMs = performance.now();
  const ids = await loadLeases(redis, { ...loading, sealedBytes: made.sealed.length });
  const loadMs = performance.now() - loadStartMs;
  await redis.call("CONFIG", "SET", "appendfsync", "always");
  say(`Loaded ${count} leases, ${((count / loadMs) * 1000).toFixed(0)} a second.`);
  const recordBytes = await compareLayouts(world, accessor, { made: madeId, loaded: ids[0] ?? "" });
  const leaseBytes = ((await usedBytes(world)) - beforeBytes) / count;

  // One lease comes due while no server runs.
  const due = await issueShort(world, first, 1);
  await first.stop();
  await delay(Math.max(...due.values()) - (await store.nowMs()) + pollMs);
  const watch = createDeathWatch(world.simulator);
  const startAtMs = Date.now();
  const server = await world.startServer();
  const listensMs = Date.now() - startAtMs;
  await untilDead(watch, due.keys());
  const firstRevocationMs =
    Math.max(...[...due.keys()].map((user) => watch.keys.get(user) ?? Number.NaN)) - startAtMs;
  const startMb = residentMb(server.pid);

  say(`Issuing ${shortLeases} short leases.`);
  await world.simulator.clearCalls();
  const short = await issueShort(world, server, shortLeases);
  await untilDead(watch, short.keys());
  const lateMs = [...short]
    .map(([user, at]) => (watch.keys.get(user) ?? Number.NaN) - at)
    .sort((a, b) => a - b);
  const endMb = residentMb(server.pid);
  const { floor, renew, claim, finish } = await timeTransitions(world, accessor, ids);

  const p = (share: number): string => `${percentile(lateMs, share).toFixed(0)} ms`;
  const times = ({ p50Ms, p99Ms }: Times): string => `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`;
  process.stdout.write(
    [
      `Node ${process.version}, ${platform()} ${arch()}, ${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown"}, ${world.redisVersion}.`,
      `${count} leases in Redis, none of them due within an hour; Redis writes to its disk before it answers.`,
      `  memory of Redis a lease       ${leaseBytes.toFixed(0)} B, everything counted; the record ${recordBytes} B (wanted: at most 800)`,
      `  start to listening            ${listensMs} ms`,
      `  start to first revocation     ${firstRevocationMs.toFixed(0)} ms (wanted: under 2000)`,
      `  memory of the server          ${emptyMb.toFixed(0)} MB with one lease, ${startMb.toFixed(0)} MB started with all, ${endMb.toFixed(0)} MB ${shortLeases} leases later (wanted: at most 150)`,
      `  lateness of ${shortLeases} short leases   p50 ${p(0.5)}, p99 ${p(0.99)}, most ${p(1)} (wanted: p99 at most 250)`,
      `  renew                         ${times(renew)} (wanted: p50 at most 1)`,
      `  claim                         ${times(claim)}`,
      `  finish                        ${times(finish)}`,
      `  floor: SET of 300 bytes       ${times(floor)}`,
      "",
    ].join("\n"),
  );
}

await runBounded({
  limitMs,
  async work(onStop) {
    const count = leasesWanted(process.argv.slice(2));
    if (count === undefined) process.stdout.write(usage);
    else await million(count, onStop);
  },
});
