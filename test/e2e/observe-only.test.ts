import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type DeployedServer, type Deployment, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";

beforeAll(testRedisExecutable, 180_000);

let dir: string;
let world: Deployment;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "leasehold-observe-"));
  world = await deploy({ servers: 0, redis: { appendFsync: "always" } });
});
afterEach(async () => {
  await world.stop();
  await rm(dir, { recursive: true, force: true });
});

const stateFile = (name: string): string => join(dir, `${name}.json`);
const start = (name: string): Promise<DeployedServer> =>
  world.startServer({ LEASEHOLD_STATE_FILE: stateFile(name) });

/** What the operator service answers, as JSON over HTTP gives it: what is false, zero or empty is left out. */
async function operate(server: DeployedServer, call: "Status" | "Resume"): Promise<Record<string, unknown>> {
  const answer = await fetch(`${server.httpUrl}/leasehold.v1.OperatorService/${call}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${world.rootToken}` },
    body: "{}",
  });
  const body: Record<string, unknown> = JSON.parse(await answer.text());
  expect([answer.status, body]).toEqual([200, body]);
  return body;
}

const isObserving = async (server: DeployedServer): Promise<boolean> =>
  (await operate(server, "Status"))["observeOnly"] === true;

/** Copies what Redis has on disk; with `appendfsync always` that is all it has. */
async function backUp(): Promise<string> {
  const copy = join(dir, "backup");
  await cp(world.redis.dir, copy, { recursive: true });
  return copy;
}

/** Brings Redis back with a copy of its data in place of what it has. */
async function restore(copy: string): Promise<void> {
  await world.redis.kill();
  await rm(world.redis.dir, { recursive: true });
  await cp(copy, world.redis.dir, { recursive: true });
  await world.redis.restart();
}

test("a server whose Redis was emptied observes from the start, says why, and goes on once a person says go", async () => {
  const first = await start("a");
  await world.mountAws();
  await world.writeRole();
  await world.readCreds({ ttl: "1h" });
  await first.stop();
  expect(JSON.parse(await readFile(stateFile("a"), "utf8"))).toMatchObject({ version: 1 });
  await world.redisConnection.flushall();

  const second = await start("a");
  const status = await operate(second, "Status");
  expect(status).toMatchObject({ observeOnly: true });
  expect(status["reasons"]).toEqual([
    expect.stringMatching(
      /^Mount "aws" \(aws_\w+\) was there with 1 lease, at .*, and is missing now: Redis was emptied/,
    ),
  ]);
  expect(second.log.some((line) => line.includes("observing only") && line.includes("is missing now"))).toBe(
    true,
  );
  await operate(second, "Resume");
  expect(await isObserving(second)).toBe(false);
  await second.stop();

  expect(await isObserving(await start("a"))).toBe(false);
}, 60_000);

test("servers whose Redis was restored revoke nothing of it until a person says go on one of them", async () => {
  const servers = [await start("a"), await start("b")] as const;
  await world.mountAws();
  await world.writeRole();
  const key = await world.readCreds({ ttl: "6s" });
  const copy = await backUp();
  await servers[0].leases.renew({ leaseId: key.leaseId, increment: { seconds: 3600n, nanos: 0 } });
  for (const server of servers) await server.stop();
  await restore(copy);

  const [a, b] = [await start("a"), await start("b")];
  await expect
    .poll(() => operate(a, "Status"), { timeout: 15_000 })
    .toMatchObject({ observeOnly: true, wouldRevoke: "1", wouldRevokeIds: [key.leaseId] });
  const { reasons } = await operate(b, "Status");
  expect(reasons).toEqual([expect.stringContaining("1 change of it is missing")]);
  expect(await world.isKeyAlive(key)).toBe(true);
  const metrics = await (await fetch(`${a.httpUrl}/metrics`)).text();
  expect(metrics).toMatch(/^leasehold_observing 1$/m);
  expect(metrics).toMatch(/^leasehold_leases\{type="aws",state="active"\} 1$/m);

  expect(await operate(a, "Resume")).toEqual({ due: "1" });
  await expect.poll(() => isObserving(b), { timeout: 5000 }).toBe(false);
  await expect.poll(() => world.aliveUsers(), { timeout: 10_000 }).toEqual([]);
}, 60_000);

test("a running server observes when its Redis comes back without a mount", async () => {
  const server = await start("a");
  const copy = await backUp();
  await world.mountAws();
  await expect.poll(() => readFile(stateFile("a"), "utf8"), { timeout: 10_000 }).toContain('"aws"');
  await restore(copy);
  await expect.poll(() => isObserving(server).catch(() => undefined), { timeout: 10_000 }).toBe(true);
  await operate(server, "Resume");
  expect(await isObserving(server)).toBe(false);
}, 60_000);

test("a running server goes on where its Redis comes back with all it had", async () => {
  const server = await start("a");
  await world.mountAws();
  await world.writeRole();
  await world.readCreds({ ttl: "4s" });
  await world.redis.kill();
  await world.redis.restart();
  await expect.poll(() => world.aliveUsers(), { timeout: 15_000 }).toEqual([]);
  expect(await isObserving(server)).toBe(false);
}, 60_000);

test("a server does not start with a state file that is broken", async () => {
  await writeFile(stateFile("a"), "{");
  const starting = start("a");
  await expect(starting).rejects.toThrow(/a\.json.*\(LEASEHOLD_STATE_FILE\) is broken/);
}, 60_000);
