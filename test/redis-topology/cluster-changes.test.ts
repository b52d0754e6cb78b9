import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LeaseStore, NewLease, Wakeups } from "../../src/core/lease-store.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { createRedisWakeups } from "../../src/redis/wakeups.ts";
import { isUnavailable, leaseOf } from "./leases.ts";
import { moveSlot } from "./move-slot.ts";
import { startTestCluster, type TestCluster, type TestNode } from "./test-cluster.ts";
import { waitUntil } from "./wait-until.ts";

let cluster: TestCluster;
let client: RedisClient;
let store: LeaseStore;
let wakeups: Wakeups;
let heard: string[];
let events: string[];

beforeAll(async () => {
  cluster = await startTestCluster({ replicas: 1 });
  events = [];
  client = createRedisClient({ url: cluster.url, onConnection: ({ kind }) => events.push(kind) });
  store = createRedisLeaseStore({ client });
  await prepareRedis(client);
}, 180_000);

beforeEach(async () => {
  heard = [];
  wakeups = createRedisWakeups({ url: cluster.url, checkEveryMs: 100 });
  await wakeups.start({
    onWake: (accessor) => void heard.push(accessor),
    onGap: () => void heard.push("gap"),
  });
});

afterEach(() => wakeups?.stop());

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

const nodesOf = ({ masters, replicas }: TestCluster) => {
  const [first, second, third] = masters;
  const [replica] = replicas;
  if (!first || !second || !third || !replica)
    throw new Error("The cluster has three masters and a replica.");
  return { first, second, third, replica };
};

const mountOn = async (master: TestNode, leases = store) => {
  const accessor = await cluster.accessorOn(master);
  await leases.setMountState(accessor, "mounted");
  return accessor;
};

/** Issues leases until told to stop; answers with those that were acknowledged. */
function keepIssuing(accessor: string, leases: LeaseStore) {
  const acknowledged: NewLease[] = [];
  const surprises: unknown[] = [];
  let refused = 0;
  let isStopped = false;
  const issue = async () => {
    const lease = leaseOf(accessor, await leases.nowMs());
    if ((await leases.begin(lease)) === "begun") acknowledged.push(lease);
  };
  const finished = (async () => {
    while (!isStopped) {
      await issue().catch((error: unknown) => {
        if (isUnavailable(error)) refused += 1;
        else surprises.push(error);
      });
      await delay(2);
    }
  })();
  return {
    acknowledged,
    async stop() {
      isStopped = true;
      await finished;
      return { acknowledged, refused, surprises };
    },
  };
}

const missing = async (leases: readonly NewLease[]) => {
  const found = await Promise.all(leases.map((lease) => store.get(lease)));
  return leases.filter((_, i) => found[i]?.state !== "issuing").map(({ id }) => id);
};

describe("A slot that moves to another master", () => {
  it("takes the leases of its mount along, those issued meanwhile among them, and they expire there", async () => {
    const { first, second, third } = nodesOf(cluster);
    const accessor = await mountOn(second);
    const slot = Number(await first.send("CLUSTER", "KEYSLOT", `{${accessor}}`));
    const before: NewLease[] = [];
    for (let count = 0; count < 60; count++) {
      const lease = leaseOf(accessor, await store.nowMs());
      expect(await store.begin(lease)).toBe("begun");
      before.push(lease);
    }
    const nowMs = await store.nowMs();
    const short = leaseOf(accessor, nowMs, { graceEndsAtMs: nowMs + 2_000 });
    await store.begin(short);

    const issuing = keepIssuing(accessor, store);
    await waitUntil("leases are being issued", () => issuing.acknowledged.length > 5);
    await moveSlot({ slot, from: second, to: third, tell: [first], onStep: () => delay(1) });
    const countBefore = issuing.acknowledged.length;
    await waitUntil("leases are issued again", () => issuing.acknowledged.length > countBefore + 5);
    const { acknowledged, surprises } = await issuing.stop();

    expect(surprises).toEqual([]);
    expect(await missing([...before, ...acknowledged])).toEqual([]);
    expect(await third.send("EXISTS", `lh:{${accessor}}:due`)).toBe("1");
    const isDue = async () => (await store.peekDue(accessor, { limit: 1, touch: true })).due.length > 0;
    await waitUntil("the short lease is due where it is now", isDue);
    await waitUntil("the new master told of it", () => heard.includes(accessor));
  }, 60_000);

  it("answers unavailable while its keys are apart, uses no attempt, and goes on when they are together", async () => {
    const { first, second, third } = nodesOf(cluster);
    const accessor = await mountOn(first);
    const slot = Number(await first.send("CLUSTER", "KEYSLOT", `{${accessor}}`));
    const lease = leaseOf(accessor, await store.nowMs());
    await store.begin(lease);
    let isTried = false;
    const onStep = async () => {
      if (isTried) return;
      isTried = true;
      const claim = store.claim(accessor, [{ kind: "requested", id: lease.id }], {
        fence: "worker",
        visibilityMs: 1000,
      });
      await expect(claim).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    };
    await moveSlot({ slot, from: first, to: third, tell: [second], onStep });
    expect(isTried).toBe(true);
    expect(await store.get(lease)).toMatchObject({ state: "issuing", attempts: 0 });
    await moveSlot({ slot, from: third, to: first, tell: [second] });
    expect(await store.get(lease)).toMatchObject({ state: "issuing", attempts: 0 });
  }, 60_000);
});

describe("A master that dies", () => {
  it("is followed by its replica, which has every lease that was acknowledged", async () => {
    const { first, replica, second } = nodesOf(cluster);
    const careful = createRedisLeaseStore({ client, replicasAwaited: 1 });
    const accessor = await mountOn(first, careful);
    const elsewhere = await mountOn(second);
    const issuing = keepIssuing(accessor, careful);
    await waitUntil("leases are being issued", () => issuing.acknowledged.length > 20);
    await first.redis.kill();
    const countAtDeath = issuing.acknowledged.length;

    // The others go on, and the service with them.
    const lease = leaseOf(elsewhere, await store.nowMs());
    expect(await store.begin(lease)).toBe("begun");
    expect(client.isReady()).toBe(true);

    const isMaster = async () => (await replica.send("INFO", "replication")).includes("role:master");
    await waitUntil("the replica is master", isMaster, 30_000);
    await waitUntil("leases can be read there", () => store.get(lease).then((found) => found !== undefined));
    await waitUntil("the wakeups follow", () => heard.includes("gap"));
    const { acknowledged, surprises } = await issuing.stop();
    expect(surprises).toEqual([]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(countAtDeath);
    await waitUntil("the mount can be read", () =>
      store.epoch(accessor).then(
        () => true,
        () => false,
      ),
    );
    expect(await missing(acknowledged)).toEqual([]);
    expect(events).toEqual(["ready", "lost", "ready"]);

    const nowMs = await store.nowMs();
    await store.begin(leaseOf(accessor, nowMs, { graceEndsAtMs: nowMs + 20 }));
    await waitUntil("the new master tells of it", () => heard.includes(accessor));
  }, 90_000);
});
