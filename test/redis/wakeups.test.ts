import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Wakeups } from "../../src/core/lease-store.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { textOf } from "../../src/redis/reply.ts";
import { createRedisWakeups } from "../../src/redis/wakeups.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

const accessor = "aws_1a2b3c4d";
let redis: TestRedis;
let client: RedisClient;
let wakeups: Wakeups;
let heard: string[];

beforeAll(async () => {
  redis = await startTestRedis({ extraArgs: ["--notify-keyspace-events", ""] });
  client = createRedisClient({ url: redis.url });
  await client.whenReady(2000);
});

beforeEach(() => {
  heard = [];
  wakeups = createRedisWakeups({ url: redis.url });
});

afterEach(() => wakeups.stop());

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

const start = () =>
  wakeups.start({ onWake: (of) => void heard.push(of), onGap: () => void heard.push("gap") });

const commandStats = async () => textOf(await client.call("INFO", "commandstats"));

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 5000; performance.now() < endMs; await delay(5))
    if (await isSo()) return;
  expect(await isSo()).toBe(true);
}

/** Looks at a key until Redis has noticed that it expired; by itself it may take longer. */
async function expire(key: string): Promise<void> {
  await client.call("SET", key, "1", "PX", 1);
  await until(async () => (await client.call("GET", key)) === null);
}

describe("The wakeups from Redis", () => {
  it("name the mount of a lease whose TTL key expired, and of no other key", async () => {
    await start();
    await expire("lh:{kv_1}:idem:abc");
    await expire("other:ttl:1");
    await expire(`lh:{${accessor}}:ttl:aws/creds/deploy/1`);
    await until(() => heard.length > 0);
    expect(heard).toEqual([accessor]);
  });

  it("come when a server touches the leases that are due", async () => {
    await start();
    const store = createRedisLeaseStore({ client });
    await store.setMountState(accessor, "mounted");
    const nowMs = await store.nowMs();
    await store.begin({
      ...{
        accessor,
        id: "aws/creds/deploy/2",
        sealed: new Uint8Array([1]),
        role: "deploy",
        caller: "c",
        fence: "f",
      },
      ...{ issuedAtMs: nowMs, expiresAtMs: nowMs + 60_000, graceEndsAtMs: nowMs + 30, isRenewable: false },
    });
    await until(async () => (await store.peekDue(accessor, { limit: 10, touch: true })).due.length > 0);
    await until(() => heard.length > 0);
    expect(heard).toEqual([accessor]);
  });

  it("come back after their connection was cut, and tell of the gap", async () => {
    await start();
    await client.call("CLIENT", "KILL", "TYPE", "pubsub");
    await until(() => heard.includes("gap"));
    await expire(`lh:{${accessor}}:ttl:aws/creds/deploy/1`);
    await until(() => heard.includes(accessor));
    expect(heard).toEqual(["gap", accessor]);
  });

  it("switch the events on again in a Redis that was restarted", async () => {
    await start();
    await redis.kill();
    await redis.restart();
    await until(() => heard.includes("gap") && client.isReady());
    await expire(`lh:{${accessor}}:ttl:aws/creds/deploy/1`);
    await until(() => heard.includes(accessor));
  });

  it("start while Redis is away, and listen once it is there", async () => {
    await redis.kill();
    await start();
    expect(heard).toEqual([]);
    await redis.restart();
    await until(() => heard.includes("gap") && client.isReady());
    await expire(`lh:{${accessor}}:ttl:aws/creds/deploy/1`);
    await until(() => heard.includes(accessor));
  });

  it("notice that Redis hangs, and tell of the gap", async () => {
    wakeups = createRedisWakeups({ url: redis.url, checkEveryMs: 50 });
    await start();
    process.kill(redis.pid, "SIGSTOP");
    // The time-out of a command is 1.5 s; Redis must be silent for that long.
    const silentUntilMs = performance.now() + 1700;
    await until(() => performance.now() > silentUntilMs);
    expect(heard).toEqual([]);
    process.kill(redis.pid, "SIGCONT");
    await until(() => heard.includes("gap") && client.isReady());
    await expire(`lh:{${accessor}}:ttl:aws/creds/deploy/1`);
    await until(() => heard.includes(accessor));
  });

  it("stay on their connection while Redis answers", async () => {
    wakeups = createRedisWakeups({ url: redis.url, checkEveryMs: 10 });
    await start();
    const pings = async () => Number(/cmdstat_ping:calls=(\d+)/.exec(await commandStats())?.[1] ?? 0);
    const before = await pings();
    await until(async () => (await pings()) > before + 5);
    await expire(`lh:{${accessor}}:ttl:aws/creds/deploy/1`);
    await until(() => heard.length > 0);
    expect(heard).toEqual([accessor]);
  });

  it("listen to the database of the URL alone", async () => {
    wakeups = createRedisWakeups({ url: `${redis.url}/2` });
    await start();
    await expire(`lh:{${accessor}}:ttl:elsewhere`);
    await client.call("SELECT", "2");
    await expire("lh:{kv_2}:ttl:here");
    await client.call("SELECT", "0");
    await until(() => heard.length > 0);
    expect(heard).toEqual(["kv_2"]);
  });

  it("are silent once they are stopped, and cannot be started twice", async () => {
    await start();
    await expect(start()).rejects.toThrow("started already");
    await wakeups.stop();
    await wakeups.stop();
    await expire(`lh:{${accessor}}:ttl:aws/creds/deploy/1`);
    expect(heard).toEqual([]);
  });
});
