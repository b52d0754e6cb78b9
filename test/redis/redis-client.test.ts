import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { type ConnectionEvent, createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { bytesOf, textOf } from "../../src/redis/reply.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

const unavailable = { name: "CoreError", code: "STORAGE_UNAVAILABLE" };
const echo = { name: "echo", text: "#!lua\nreturn ARGV[1]", sha1: "0".repeat(40) };

let redis: TestRedis;
const clients: RedisClient[] = [];

function connect(url = redis.url, onConnection: (event: ConnectionEvent) => void = () => {}): RedisClient {
  const client = createRedisClient({ url, onConnection });
  clients.push(client);
  return client;
}

async function until(isSo: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 5000; !isSo() && performance.now() < endMs; ) await delay(5);
  expect(isSo()).toBe(true);
}

beforeAll(async () => {
  redis = await startTestRedis();
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

afterAll(() => redis?.stop());

describe("createRedisClient()", () => {
  it.each([
    ["", 'must begin with "redis://"'],
    ["http://user:hunter2@host", 'must begin with "redis://"'],
    ["redis://user:hunter2@host/name", 'the number of a database, such as "/0", not "/name"'],
  ])("refuses the URL %j with a sentence that shows no password", (url, message) => {
    const make = () => createRedisClient({ url });
    expect(make).toThrow(message);
    expect(make).not.toThrow("hunter2");
  });

  it("carries bytes of any value both ways", async () => {
    const client = connect();
    await client.whenReady(2000);
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    expect(bytesOf(await client.run(echo, [], [all])).equals(all)).toBe(true);
    await client.call("SET", "bytes", all);
    expect(bytesOf(await client.call("GET", "bytes")).equals(all)).toBe(true);
  });

  it("uses the database that the URL names", async () => {
    const client = connect(`${redis.url}/3`);
    await client.whenReady(2000);
    await client.call("SET", "here", "1");
    expect(textOf(await client.call("CLIENT", "INFO"))).toContain(" db=3 ");
  });

  it("says why Redis cannot be used, when told to wait for it", async () => {
    const client = connect("redis://127.0.0.1:1");
    await expect(client.whenReady(200)).rejects.toMatchObject({
      ...unavailable,
      cause: expect.objectContaining({ message: expect.stringContaining("ECONNREFUSED") }),
    });
    expect(client.isReady()).toBe(false);
    await expect(client.ping()).rejects.toMatchObject(unavailable);
  });

  it("shows neither the password nor a command's arguments in an error", async () => {
    const password = "hunter2-password";
    const client = connect();
    await client.whenReady(2000);
    await client.call("CONFIG", "SET", "requirepass", "another");
    try {
      const refused = connect(`redis://:${password}@127.0.0.1:${redis.port}`);
      const errors = [
        await refused.whenReady(300).catch((error: unknown) => error),
        await client
          .call("LPUSH", "epoch", password)
          .then(() => client.call("INCR", "epoch"))
          .catch((error) => error),
      ];
      for (const error of errors) {
        expect(error).toMatchObject(unavailable);
        expect(inspectAll(error)).not.toContain(password);
      }
    } finally {
      await client.call("CONFIG", "SET", "requirepass", "");
    }
  });

  it("answers within two seconds while Redis is away, and goes on by itself when it is back", async () => {
    const events: string[] = [];
    const client = connect(redis.url, ({ kind }) => events.push(kind));
    await client.whenReady(2000);
    const store = createRedisLeaseStore({ client });
    await store.setMountState("aws_1", "mounted");
    const underWay = client.call("BLPOP", "nothing", 30);
    const cutOff = expect(underWay).rejects.toMatchObject(unavailable);
    await redis.kill();
    await cutOff;
    const startedMs = performance.now();
    await expect(store.get({ accessor: "aws_1", id: "aws/creds/a/1" })).rejects.toMatchObject(unavailable);
    expect(performance.now() - startedMs).toBeLessThan(2000);
    await until(() => !client.isReady());
    await redis.restart();
    await until(() => client.isReady());
    expect(await store.get({ accessor: "aws_1", id: "aws/creds/a/1" })).toBeUndefined();
    await client.ping();
    expect(events).toEqual(["ready", "lost", "ready"]);
  });

  it("answers within two seconds while Redis hangs", async () => {
    const client = connect();
    await client.whenReady(2000);
    process.kill(redis.pid, "SIGSTOP");
    try {
      const startedMs = performance.now();
      await expect(client.run(echo, [], ["a"])).rejects.toMatchObject({
        ...unavailable,
        message: expect.stringContaining("does not answer"),
      });
      expect(performance.now() - startedMs).toBeLessThan(2000);
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
    expect(textOf(await client.run(echo, [], ["b"]))).toBe("b");
  });

  it("connects anew when Redis turns out to be a replica, as an old primary does after a failover", async () => {
    const events: string[] = [];
    const client = connect(redis.url, ({ kind }) => events.push(kind));
    await client.whenReady(2000);
    await client.call("REPLICAOF", "127.0.0.1", "1");
    const store = createRedisLeaseStore({ client });
    await expect(store.setMountState("aws_1", "mounted")).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining("is a replica"),
    });
    await until(() => events.length === 3);
    expect(events).toEqual(["ready", "lost", "ready"]);
    await client.call("REPLICAOF", "NO", "ONE");
    await store.setMountState("aws_1", "mounted");
  });

  it("can be closed while it connects, and twice", async () => {
    const client = connect("redis://127.0.0.1:1");
    await client.close();
    await client.close();
    await expect(client.ping()).rejects.toMatchObject(unavailable);
  });
});

/** Everything that a log could show of an error, its hidden properties and causes included. */
function inspectAll(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = Object.getOwnPropertyNames(error).map((name) => JSON.stringify(Reflect.get(error, name)) ?? "");
  return [...own, String(error), error.stack, error.cause ? inspectAll(error.cause) : ""].join("\n");
}
