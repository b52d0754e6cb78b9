import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { createRedisStorage } from "../../src/redis/storage.ts";
import { leaseStoreConformance } from "../conformance/lease-store.ts";
import { storageConformance } from "../conformance/storage.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

let redis: TestRedis;
let client: RedisClient;

beforeAll(async () => {
  redis = await startTestRedis();
  client = createRedisClient({ url: redis.url });
  await prepareRedis(client);
});

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

leaseStoreConformance("Redis", async () => {
  const store = createRedisLeaseStore({ client });
  const passTo = async (atMs: number) => {
    while ((await store.peekDue("none", { limit: 1, touch: false })).nowMs < atMs) await delay(5);
  };
  return { store, passTo };
});

storageConformance("Redis", async () => {
  await client.call("DEL", "lh:mounts", "lh:keyring");
  const store = createRedisLeaseStore({ client });
  const { setMountState, epoch } = store;
  return { storage: createRedisStorage(client), setMountState, epoch };
});
