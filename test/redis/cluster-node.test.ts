import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll } from "vitest";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { textOf } from "../../src/redis/reply.ts";
import { createRedisStorage } from "../../src/redis/storage.ts";
import { leaseStoreConformance } from "../conformance/lease-store.ts";
import { storageConformance } from "../conformance/storage.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

// A node of a cluster refuses a call whose keys do not share one hash slot, and a script that touches a key of
// another slot than those it is given. That it holds every slot itself changes nothing about that.
let redis: TestRedis;
let client: RedisClient;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: false, extraArgs: ["--cluster-enabled", "yes"] });
  client = createRedisClient({ url: redis.url });
  await client.whenReady(2000);
  await client.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383);
  while (!textOf(await client.call("CLUSTER", "INFO")).includes("cluster_state:ok")) await delay(10);
});

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

leaseStoreConformance("A node of a Redis Cluster", async () => {
  const store = createRedisLeaseStore({ client });
  const passTo = async (atMs: number) => {
    while ((await store.peekDue("none", { limit: 1, touch: false })).nowMs < atMs) await delay(5);
  };
  return { store, passTo };
});

storageConformance("A node of a Redis Cluster", async () => {
  for (const key of ["lh:mounts", "lh:keyring"]) await client.call("DEL", key);
  const store = createRedisLeaseStore({ client });
  const { setMountState, epoch } = store;
  return { storage: createRedisStorage(client), setMountState, epoch };
});
