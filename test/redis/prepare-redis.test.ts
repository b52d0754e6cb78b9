import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkRedis } from "../../src/redis/check-redis.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { listOf, type RedisReply, textOf } from "../../src/redis/reply.ts";
import { storageUnavailable } from "../../src/redis/storage-error.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

let redis: TestRedis;
let client: RedisClient;

beforeAll(async () => {
  redis = await startTestRedis({ appendFsync: "always" });
  client = createRedisClient({ url: redis.url });
  await client.whenReady(2000);
});

beforeEach(async () => {
  await client.call("FLUSHALL");
  await redis.configSet("maxmemory-policy", "noeviction");
  await redis.configSet("appendonly", "yes");
});

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

const events = async () => textOf(listOf(await client.call("CONFIG", "GET", "notify-keyspace-events"))[1]);

/** A client whose Redis answers INFO with this text and refuses CONFIG, as managed ones do. */
function managedRedis(info: string): RedisClient {
  const call = async (command: string): Promise<RedisReply> => {
    if (command === "INFO") return Buffer.from(info);
    throw storageUnavailable(new Error(`unknown command '${command}'`));
  };
  return { ...client, call };
}

describe("checkRedis()", () => {
  it("finds nothing wrong with a Redis that is set up well", async () => {
    const report = await checkRedis(client);
    expect(report).toEqual({
      version: expect.stringMatching(/^\d+\./),
      eventsOn: true,
      persistence: "always",
      replicas: 0,
      warnings: [],
    });
  });

  it.each(["allkeys-lru", "volatile-ttl"])("refuses the maxmemory-policy %s", async (policy) => {
    await redis.configSet("maxmemory-policy", policy);
    await expect(checkRedis(client)).rejects.toThrow(
      `(maxmemory-policy is "${policy}"), and a lease that is thrown away is never revoked`,
    );
  });

  it("warns of a Redis that keeps no append-only file", async () => {
    await redis.configSet("appendonly", "no");
    expect((await checkRedis(client)).warnings).toEqual([expect.stringContaining("append-only file")]);
  });

  it.each([
    ["everysec", "everysec", "the leases of the last second are lost"],
    ["no", "no-fsync", "the leases of half a minute are lost"],
  ])("says what appendfsync %s can lose", async (value, persistence, loss) => {
    await redis.configSet("appendfsync", value);
    expect(await checkRedis(client)).toMatchObject({
      persistence,
      warnings: [expect.stringContaining(loss)],
    });
    await redis.configSet("appendfsync", "always");
  });

  it.each([
    ["", "Ex"],
    ["x", "Ex"],
    ["Kl", "KlEx"],
    ["KEA", "KEA"],
    ["KA", "KEA"],
  ])("turns the keyspace events %j into %j and switches off nothing", async (before, after) => {
    await redis.configSet("notify-keyspace-events", before);
    expect((await checkRedis(client)).eventsOn).toBe(true);
    expect([...(await events())].sort()).toEqual([...after].sort());
  });

  it("goes on without CONFIG, and says that the timer is alone", async () => {
    const report = await checkRedis(
      managedRedis("# Server\r\nredis_version:7.2.4\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"),
    );
    expect(report).toMatchObject({
      eventsOn: false,
      persistence: "unknown",
      warnings: [
        expect.stringContaining("does not tell its appendfsync"),
        expect.stringContaining("by the timer alone"),
      ],
    });
  });

  it("warns of a Redis that does not tell its policy", async () => {
    const { warnings } = await checkRedis(managedRedis("redis_version:7.2.4\r\naof_enabled:1\r\n"));
    expect(warnings[0]).toContain("does not tell its maxmemory-policy");
  });

  it.each(["6.2.14", "5.0", ""])('refuses the version "%s"', async (version) => {
    const old = managedRedis(`redis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`);
    await expect(checkRedis(old)).rejects.toThrow(
      `Redis is version "${version}", and leasehold needs 7.0 or later.`,
    );
  });

  it("refuses a replica", async () => {
    const replica = managedRedis("redis_version:7.0.15\r\nrole:slave\r\nmaxmemory_policy:noeviction\r\n");
    await expect(checkRedis(replica)).rejects.toThrow("is a replica");
  });
});

describe("prepareRedis()", () => {
  it("marks an empty Redis with its schema version, and knows it again", async () => {
    await prepareRedis(client);
    expect(textOf(await client.call("HGET", "lh:meta", "schema"))).toBe("1");
    await expect(prepareRedis(client)).resolves.toMatchObject({ warnings: [] });
  });

  it("refuses what a later version wrote, and changes nothing", async () => {
    await client.call("HSET", "lh:meta", "schema", "2");
    await expect(prepareRedis(client)).rejects.toThrow(
      'schema version "2", and this version of leasehold knows "1"',
    );
    expect(textOf(await client.call("HGET", "lh:meta", "schema"))).toBe("2");
  });
});
