import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { type DeployedServer, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 90_000;

/** A Redis that keeps everything, and servers that remember it in files; none at first. */
async function openScene() {
  const dir = await mkdtemp(join(tmpdir(), "leasehold-observe-"));
  const world = await deploy({ servers: 0, redis: { appendFsync: "always" } });
  const stateFile = (name: string): string => join(dir, `${name}.json`);
  const copy = join(dir, "backup");

  /** What the operator service answers, as JSON over HTTP gives it: what is false, zero or empty is left out. */
  const operate = async (server: DeployedServer, call: "Status" | "Resume") => {
    const answer = await fetch(`${server.httpUrl}/leasehold.v1.OperatorService/${call}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${world.rootToken}` },
      body: "{}",
    });
    const body: Record<string, unknown> = JSON.parse(await answer.text());
    expect([answer.status, body]).toEqual([200, body]);
    return body;
  };

  return {
    world,
    stateFile,
    operate,
    start: (name: string) => world.startServer({ LEASEHOLD_STATE_FILE: stateFile(name) }),
    isObserving: async (server: DeployedServer) => (await operate(server, "Status"))["observeOnly"] === true,
    /** Waits until a server takes all that happened to the mount for settled: what is lost of it then is no tail. */
    async untilSettled(name: string): Promise<void> {
      const isSettled = async () => {
        const { mounts } = JSON.parse(await readFile(stateFile(name), "utf8"));
        const all = Object.values<{ path: string; epoch: number; settledEpoch: number }>(mounts);
        const mount = all.find(({ path }) => path === "aws");
        return mount !== undefined && mount.epoch > 0 && mount.settledEpoch === mount.epoch;
      };
      await eventually("the mount is settled", () => isSettled().catch(() => false), { withinMs: 40_000 });
    },
    /** Copies what Redis has on disk; with `appendfsync always` that is all it has. */
    async backUp(): Promise<void> {
      await cp(world.redis.dir, copy, { recursive: true });
    },
    /** Brings Redis back with the copy of its data in place of what it has. */
    async restore(): Promise<void> {
      await world.redis.kill();
      await rm(world.redis.dir, { recursive: true });
      await cp(copy, world.redis.dir, { recursive: true });
      await world.redis.restart();
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await world.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

test.concurrent("a server whose Redis was emptied observes from the start, says why, and goes on once a person says go", {
  timeout,
}, async () => {
  await using scene = await openScene();
  const { world, start, stateFile, operate, isObserving, untilSettled } = scene;
  const first = await start("a");
  await world.mountAws();
  await world.writeRole();
  await world.readCreds({ ttl: "1h" });
  await untilSettled("a");
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
});

test.concurrent("servers whose Redis was restored revoke nothing of it until a person says go on one of them", {
  timeout,
}, async () => {
  await using scene = await openScene();
  const { world, start, operate, isObserving, untilSettled, backUp, restore } = scene;
  const servers = [await start("a"), await start("b")] as const;
  await world.mountAws();
  await world.writeRole();
  const key = await world.readCreds({ ttl: "6s" });
  await backUp();
  await servers[0].leases.renew({ leaseId: key.leaseId, increment: { seconds: 3600n, nanos: 0 } });
  await Promise.all([untilSettled("a"), untilSettled("b")]);
  for (const server of servers) await server.stop();
  await restore();

  const [a, b] = [await start("a"), await start("b")];
  await eventually("the lease is due", async () => (await operate(a, "Status"))["wouldRevoke"] === "1", {
    withinMs: 15_000,
  });
  expect(await operate(a, "Status")).toMatchObject({ observeOnly: true, wouldRevokeIds: [key.leaseId] });
  const { reasons } = await operate(b, "Status");
  expect(reasons).toEqual([expect.stringContaining("1 change of it is missing")]);
  expect(await world.isKeyAlive(key)).toBe(true);
  const metrics = await (await fetch(`${a.httpUrl}/metrics`)).text();
  expect(metrics).toMatch(/^leasehold_observing 1$/m);
  expect(metrics).toMatch(/^leasehold_leases\{type="aws",state="active"\} 1$/m);

  expect(await operate(a, "Resume")).toEqual({ due: "1" });
  await eventually("the other one goes on", async () => !(await isObserving(b)));
  await eventually("the user is gone", () => world.aliveUsers().length === 0);
});

test.concurrent("a running server observes when its Redis comes back without a mount", {
  timeout,
}, async () => {
  await using scene = await openScene();
  const { world, start, operate, isObserving, untilSettled, backUp, restore } = scene;
  const server = await start("a");
  await backUp();
  await world.mountAws();
  await untilSettled("a");
  await restore();
  await eventually("it observes", () => isObserving(server).catch(() => false));
  await operate(server, "Resume");
  expect(await isObserving(server)).toBe(false);
});

test.concurrent("a running server goes on where its Redis comes back with all it had", {
  timeout,
}, async () => {
  await using scene = await openScene();
  const { world, start, isObserving } = scene;
  const server = await start("a");
  await world.mountAws();
  await world.writeRole();
  await world.readCreds({ ttl: "4s" });
  await world.redis.kill();
  await world.redis.restart();
  await eventually("the user is gone", () => world.aliveUsers().length === 0, { withinMs: 15_000 });
  expect(await isObserving(server)).toBe(false);
});

test.concurrent("a server does not start with a state file that is broken", { timeout }, async () => {
  await using scene = await openScene();
  const { start, stateFile } = scene;
  await writeFile(stateFile("a"), "{");
  const starting = start("a");
  await expect(starting).rejects.toThrow(/a\.json.*\(LEASEHOLD_STATE_FILE\) is broken/);
});
