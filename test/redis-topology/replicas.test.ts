import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";
import { leaseOf } from "./leases.ts";
import { sendTo, startReplica } from "./test-replicas.ts";
import { waitUntil } from "./wait-until.ts";

const write = {
  name: "write",
  text: "#!lua\nreturn redis.call('INCR', KEYS[1])",
  sha1: "0".repeat(40),
};

let primary: TestRedis;
let replica: TestRedis;
let client: RedisClient;

beforeAll(async () => {
  primary = await startTestRedis({ appendFsync: "always", extraArgs: ["--repl-diskless-sync-delay", "0"] });
  replica = await startReplica(primary);
  client = createRedisClient({ url: primary.url });
  await client.whenReady(5_000);
}, 180_000);

afterAll(async () => {
  await client?.close();
  await Promise.all([replica?.stop(), primary?.stop()]);
});

/** How often WAIT was called so far. */
const waits = async () =>
  Number(/cmdstat_wait:calls=(\d+)/.exec(await sendTo(primary, "INFO", "commandstats"))?.[1] ?? 0);

describe("A write that replicas must have", () => {
  it("is answered once they have it", async () => {
    for (let i = 1; i <= 20; i++) {
      expect(await client.run(write, ["lh:{a}:n"], [], 1)).toBe(i);
      expect(await sendTo(replica, "GET", "lh:{a}:n")).toBe(String(i));
    }
  });

  it("shares one WAIT with all that were sent meanwhile", async () => {
    await client.run(write, ["lh:{b}:n"], [], 1);
    const before = await waits();
    const count = 500;
    await Promise.all(Array.from({ length: count }, () => client.run(write, ["lh:{b}:n"], [], 1)));
    expect(await sendTo(replica, "GET", "lh:{b}:n")).toBe(String(count + 1));
    expect((await waits()) - before).toBeLessThan(count / 5);
  });

  it("is refused where no replica has it in time, while everything else goes on", async () => {
    const store = createRedisLeaseStore({ client, replicasAwaited: 1 });
    await store.setMountState("aws_1", "mounted");
    const lease = leaseOf("aws_1", await store.nowMs());
    process.kill(replica.pid, "SIGSTOP");
    try {
      let isRefused = false;
      const refused = [
        expect(client.run(write, ["lh:{c}:n"], [], 1)).rejects.toMatchObject({
          code: "STORAGE_UNAVAILABLE",
          message: expect.stringContaining("only 0 of 1 replicas have it"),
        }),
        expect(store.begin(lease)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" }),
      ].map((refusal) =>
        refusal.then(() => {
          isRefused = true;
        }),
      );
      for (let i = 0; i < 20; i++) await client.call("GET", "lh:{c}:n");
      expect((await store.peekDue("aws_1", { limit: 10, touch: false })).nextDueAtMs).toBe(
        lease.graceEndsAtMs,
      );
      expect(isRefused).toBe(false);
      await Promise.all(refused);
    } finally {
      process.kill(replica.pid, "SIGCONT");
    }
    await waitUntil("the replica has what is written again", () =>
      client.run(write, ["lh:{c}:n"], [], 1).then(
        () => true,
        () => false,
      ),
    );
  });

  it("is not believed where the connection that wrote it was lost", async () => {
    process.kill(replica.pid, "SIGSTOP");
    try {
      const refused = expect(client.run(write, ["lh:{d}:n"], [], 1)).rejects.toMatchObject({
        code: "STORAGE_UNAVAILABLE",
      });
      const isWritten = async () => (await sendTo(primary, "GET", "lh:{d}:n")) === "1";
      await waitUntil("the write is there", isWritten);
      await sendTo(primary, "CLIENT", "KILL", "TYPE", "normal");
      await refused;
    } finally {
      process.kill(replica.pid, "SIGCONT");
    }
    await waitUntil("the client is back", () =>
      client.run(write, ["lh:{d}:n"], [], 1).then(
        () => true,
        () => false,
      ),
    );
  });
});

describe("prepareRedis()", () => {
  it("warns of replicas that nobody waits for, and of fewer than are waited for", async () => {
    await client.whenReady(2_000);
    expect(await prepareRedis(client)).toMatchObject({
      persistence: "always",
      replicas: 1,
      warnings: [expect.stringContaining("none of them is waited for")],
    });
    expect((await prepareRedis(client, { replicasAwaited: 1 })).warnings).toEqual([]);
    expect((await prepareRedis(client, { replicasAwaited: 2 })).warnings).toEqual([
      expect.stringContaining("LEASEHOLD_REDIS_REPLICAS_AWAITED is 2"),
    ]);
  });

  it("says that a server which is no node of a cluster cannot be reached by the URL of one", async () => {
    const lost = createRedisClient({ url: `redis+cluster://127.0.0.1:${primary.port}` });
    try {
      await expect(lost.whenReady(300)).rejects.toThrow(
        `Redis at "127.0.0.1:${primary.port}" is no node of a cluster. Use a "redis://" URL`,
      );
      await expect(lost.ping()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    } finally {
      await lost.close();
    }
  });
});
