import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LeaseStore, NewLease, Wakeups } from "../../src/core/lease-store.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { textOf } from "../../src/redis/reply.ts";
import { createRedisWakeups } from "../../src/redis/wakeups.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";
import { isUnavailable, leaseOf } from "./leases.ts";
import { awaitSentinels, sendTo, startReplica, startSentinels, type TestSentinels } from "./test-replicas.ts";
import { waitUntil } from "./wait-until.ts";

const accessor = "aws_1a2b3c4d";
let primary: TestRedis;
let replica: TestRedis;
let sentinels: TestSentinels;
let url: string;
let client: RedisClient;
let store: LeaseStore;
/** Waits for no replica. */
let alone: LeaseStore;
let wakeups: Wakeups;
const heard: string[] = [];

beforeAll(async () => {
  primary = await startTestRedis({ extraArgs: ["--repl-diskless-sync-delay", "0"] });
  replica = await startReplica(primary);
  sentinels = await startSentinels(primary, 1);
  url = `redis+sentinel://${sentinels.ports.map((port) => `127.0.0.1:${port}`).join(",")}/mymaster/2`;
  client = createRedisClient({ url });
  store = createRedisLeaseStore({ client, replicasAwaited: 1 });
  alone = createRedisLeaseStore({ client });
  wakeups = createRedisWakeups({ url, checkEveryMs: 100 });
}, 180_000);

/** Issues leases until it is stopped, and says then which of those that were acknowledged are not there. */
function keepIssuing() {
  const acknowledged: NewLease[] = [];
  const surprises: unknown[] = [];
  let isStopped = false;
  const issue = async () => {
    const lease = leaseOf(accessor, await store.nowMs());
    if ((await store.begin(lease)) === "begun") acknowledged.push(lease);
  };
  const finished = (async () => {
    while (!isStopped) {
      await issue().catch((error) => !isUnavailable(error) && surprises.push(error));
      await delay(5);
    }
  })();
  return {
    acknowledged,
    async stop() {
      isStopped = true;
      await finished;
      const found = await Promise.all(acknowledged.map((lease) => alone.get(lease)));
      return { surprises, missing: found.filter((lease) => lease?.state !== "issuing") };
    },
  };
}

async function expectWakeup(): Promise<void> {
  heard.length = 0;
  const nowMs = await alone.nowMs();
  await alone.begin(leaseOf(accessor, nowMs, { graceEndsAtMs: nowMs + 20 }));
  await waitUntil("the new primary tells of a lease", async () => {
    await alone.peekDue(accessor, { limit: 1, touch: true });
    return heard.includes(accessor);
  });
}

afterAll(async () => {
  await wakeups?.stop();
  await client?.close();
  await sentinels?.stop();
  await Promise.all([primary?.stop(), replica?.stop()]);
});

describe("A Redis that sentinels watch", () => {
  it("is found by them, in the database that the URL names", async () => {
    await prepareRedis(client, { replicasAwaited: 1 });
    await wakeups.start({ onWake: (of) => void heard.push(of), onGap: () => void heard.push("gap") });
    expect(await sendTo(primary, "INFO", "keyspace")).toContain("db2:");
  });

  it("goes on with what was acknowledged when the primary is exchanged and lives on as a replica", async () => {
    await store.setMountState(accessor, "mounted");
    const issuing = keepIssuing();
    await waitUntil("leases are being issued", () => issuing.acknowledged.length > 50);
    await sendTo({ port: sentinels.ports[0] ?? 0 }, "SENTINEL", "FAILOVER", "mymaster");
    const hasMoved = async () =>
      textOf(await client.call("INFO", "server").catch(() => Buffer.from(""))).includes(
        `tcp_port:${replica.port}\r`,
      );
    // The sentinels leave the old one as it is for ten seconds, and it still takes what is written to it.
    await waitUntil("the client uses the new primary", hasMoved, 45_000);
    await sendTo(primary, "REPLICAOF", "127.0.0.1", String(replica.port));
    const countThen = issuing.acknowledged.length;
    await waitUntil("leases are issued again", () => issuing.acknowledged.length > countThen + 20, 45_000);
    expect(await issuing.stop()).toEqual({ surprises: [], missing: [] });
    await waitUntil("the wakeups follow", () => heard.includes("gap"));
    await expectWakeup();
  }, 120_000);

  it("goes on with what was acknowledged when the primary dies", async () => {
    const inStep = async () =>
      (await sendTo(primary, "INFO", "replication")).includes("master_link_status:up");
    await waitUntil("the replica is in step", inStep, 45_000);
    await awaitSentinels(sentinels, 1);
    heard.length = 0;
    const issuing = keepIssuing();
    await waitUntil("leases are being issued", () => issuing.acknowledged.length > 50);
    await replica.kill();
    // Nobody is left to wait for on the new primary, so whoever goes on does so without.
    const isBack = () =>
      alone.setMountState(accessor, "mounted").then(
        () => true,
        () => false,
      );
    await waitUntil("the replica takes writes", isBack, 45_000);
    expect(await issuing.stop()).toEqual({ surprises: [], missing: [] });
    await waitUntil("the wakeups follow", () => heard.includes("gap"));
    await expectWakeup();
  }, 120_000);

  it("says what is wrong where no sentinel answers, and can be closed meanwhile", async () => {
    const lost = createRedisClient({ url: "redis+sentinel://127.0.0.1:1,127.0.0.1:2/mymaster" });
    await expect(lost.whenReady(300)).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      cause: expect.objectContaining({ message: expect.stringContaining("All sentinels are unreachable") }),
    });
    await lost.close();
  });
});
