import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LeaseStore, Wakeups } from "../../src/core/lease-store.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { createRedisStorage } from "../../src/redis/storage.ts";
import { createRedisWakeups } from "../../src/redis/wakeups.ts";
import { leaseStoreConformance } from "../conformance/lease-store.ts";
import { storageConformance } from "../conformance/storage.ts";
import { leaseOf } from "./leases.ts";
import { startTestCluster, type TestCluster, type TestNode } from "./test-cluster.ts";
import { waitUntil } from "./wait-until.ts";

let cluster: TestCluster;
let client: RedisClient;
let store: LeaseStore;
let wakeups: Wakeups;
let heard: string[];

beforeAll(async () => {
  cluster = await startTestCluster();
  client = createRedisClient({ url: cluster.url });
  store = createRedisLeaseStore({ client });
  await client.whenReady(5_000);
}, 180_000);

afterEach(() => wakeups?.stop());

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

const listen = async () => {
  heard = [];
  wakeups = createRedisWakeups({ url: cluster.url, checkEveryMs: 100 });
  await wakeups.start({
    onWake: (accessor) => void heard.push(accessor),
    onGap: () => void heard.push("gap"),
  });
};

const mountOn = async (master: TestNode) => {
  const accessor = await cluster.accessorOn(master);
  await store.setMountState(accessor, "mounted");
  return accessor;
};

/** Issues a lease that is cleaned up in a moment, since nobody activates it. */
const beginShort = async (accessor: string, forMs: number) => {
  const nowMs = await store.nowMs();
  const lease = leaseOf(accessor, nowMs, { graceEndsAtMs: nowMs + forMs });
  expect(await store.begin(lease)).toBe("begun");
  return lease;
};

leaseStoreConformance("A Redis Cluster of three masters", async () => {
  const passTo = async (atMs: number) => {
    while ((await store.peekDue("none", { limit: 1, touch: false })).nowMs < atMs) await delay(5);
  };
  return { store, passTo };
});

storageConformance("A Redis Cluster of three masters", async () => {
  for (const key of ["lh:mounts", "lh:keyring", "lh:operator"]) await client.call("DEL", key);
  return { storage: createRedisStorage(client), setMountState: store.setMountState, epoch: store.epoch };
});

describe("A Redis Cluster", () => {
  it("is found by some of its nodes, and checked at each master", async () => {
    for (const { redis } of cluster.masters) await redis.configSet("notify-keyspace-events", "");
    const report = await prepareRedis(client);
    expect(report).toMatchObject({ eventsOn: true, persistence: "everysec", replicas: 0 });
    for (const { name, send } of cluster.masters) {
      expect(report.warnings.filter((said) => said.startsWith(`${name}: `))).toHaveLength(1);
      expect(await send("CONFIG", "GET", "notify-keyspace-events")).toMatch(/\n(Ex|xE)$/);
    }
  });

  it("is refused where one master would lose leases, and says which", async () => {
    const [, second] = cluster.masters;
    await second?.redis.configSet("maxmemory-policy", "allkeys-lru");
    await expect(prepareRedis(client)).rejects.toThrow(`${second?.name}: Redis throws keys away`);
    await second?.redis.configSet("maxmemory-policy", "noeviction");
  });

  it("must not be reached by a URL that names one server", async () => {
    const [first] = cluster.masters;
    const single = createRedisClient({ url: `redis://${first?.name}` });
    await expect(prepareRedis(single)).rejects.toThrow('Use "redis+cluster://"');
    await single.close();
  });

  it("keeps the leases of a mount on one master, whichever that is", async () => {
    for (const master of cluster.masters) {
      const accessor = await mountOn(master);
      const lease = await beginShort(accessor, 60_000);
      expect(await store.activate(lease, lease)).toBe("active");
      expect((await store.get(lease))?.state).toBe("active");
      expect(Number(await master.send("EXISTS", `lh:{${accessor}}:lease:${lease.id}`))).toBe(1);
    }
  });

  it("wakes by an event from every master", async () => {
    for (const { redis } of cluster.masters) await redis.configSet("notify-keyspace-events", "");
    await listen();
    const accessors = await Promise.all(cluster.masters.map(mountOn));
    for (const accessor of accessors) await beginShort(accessor, 20);
    await waitUntil("each mount was named", () => accessors.every((accessor) => heard.includes(accessor)));
    expect(heard).not.toContain("gap");
  });

  it("tells of leases that are due on every master without any event", async () => {
    for (const master of cluster.masters) {
      const accessor = await mountOn(master);
      const lease = await beginShort(accessor, 20);
      const isDue = async () =>
        (await store.peekDue(accessor, { limit: 100, touch: false })).due.some(({ id }) => id === lease.id);
      await waitUntil("the lease is due", isDue);
    }
  });

  it("goes on after one node was told to forget its scripts", async () => {
    const [master] = cluster.masters;
    if (master === undefined) throw new Error("A cluster has a first master.");
    const accessor = await mountOn(master);
    await master.send("SCRIPT", "FLUSH");
    await beginShort(accessor, 60_000);
  });

  it("has a gap where a connection that listens was cut, and hears that master again", async () => {
    await listen();
    const [, , master] = cluster.masters;
    if (master === undefined) throw new Error("A cluster has a third master.");
    await master.send("CLIENT", "KILL", "TYPE", "pubsub");
    await waitUntil("the gap was told", () => heard.includes("gap"));
    const accessor = await mountOn(master);
    await beginShort(accessor, 20);
    await waitUntil("the mount was named", () => heard.includes(accessor));
  });
});
