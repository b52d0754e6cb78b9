import { EventEmitter } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type FollowingConnection, followFailovers } from "../../src/redis/follow-failovers.ts";
import { closeRedisConnection, openRedisConnection } from "../../src/redis/redis-connection.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

// A plain Redis stands for the sentinel: to those who listen, both are a channel.
let redis: TestRedis;
let primary: Redis;
let sentinel: Redis;
let speaker: Redis;
let readies: number;

beforeAll(async () => {
  redis = await startTestRedis();
});

beforeEach(async () => {
  [primary, sentinel, speaker] = [open("primary"), open("sentinel"), open("speaker")];
  readies = 0;
  primary.on("ready", () => {
    readies += 1;
  });
  followFailovers(primary, "mymaster", [sentinel]);
  await until(() => readies === 1 && speaker.status === "ready");
});

afterEach(() => Promise.all([primary, sentinel, speaker].map(closeRedisConnection)));

afterAll(() => redis?.stop());

const open = (name: string) => openRedisConnection({ kind: "single", url: redis.url }, name);

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 5000; performance.now() < endMs; await delay(5))
    if (await isSo()) return;
  expect(await isSo()).toBe(true);
}

/** Says it until somebody hears it. */
const tell = (message: string) =>
  until(async () => Number(await speaker.publish("+switch-master", message)) > 0);

describe("followFailovers()", () => {
  it("makes the connection anew when a sentinel tells of another primary", async () => {
    await tell("mymaster 127.0.0.1 1 127.0.0.1 2");
    await until(() => readies === 2);
  });

  it("listens again after the sentinel was away", async () => {
    await tell("other 127.0.0.1 1 127.0.0.1 2");
    await speaker.client("KILL", "TYPE", "PUBSUB");
    await tell("mymaster 127.0.0.1 1 127.0.0.1 2");
    await until(() => readies === 2);
  });

  it("stays where it is when another group has a new primary, or its own is told again", async () => {
    await tell("other 127.0.0.1 1 127.0.0.1 2");
    await tell(`mymaster 127.0.0.1 1 127.0.0.1 ${redis.port}`);
    // What the sentinel told before this was heard before this.
    await tell("mymaster 127.0.0.1 1 127.0.0.1 2");
    await until(() => readies === 2);
    await primary.ping();
    expect(readies).toBe(2);
  });

  it("leaves a connection that is being made alone, and makes it anew once it is there", async () => {
    const made = Object.assign(new EventEmitter(), { renewals: 0 });
    const half: FollowingConnection = Object.assign(made, {
      status: "connecting" as const,
      stream: primary.stream,
      disconnect: () => {
        made.renewals += 1;
      },
    });
    followFailovers(half, "mymaster", [sentinel]);
    await tell("mymaster 127.0.0.1 1 127.0.0.1 2");
    await until(() => readies === 2);
    expect(made.renewals).toBe(0);
    half.status = "ready";
    made.emit("ready");
    expect(made.renewals).toBe(1);
    made.emit("ready");
    expect(made.renewals).toBe(1);
  });
});
