import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { NewLease } from "../../src/core/lease-store.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { prepareRedis } from "../../src/redis/prepare-redis.ts";
import { createRedisClient } from "../../src/redis/redis-client.ts";
import { eventually } from "../e2e/eventually.ts";
import { guardEndsAtMs } from "../e2e/guard-time.ts";
import { refusalOf } from "../e2e/refusal.ts";
import { deploy } from "../kit/deployment.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";
import { isUnavailable, leaseOf } from "../redis-topology/leases.ts";
import { canReadRedis } from "./behind-proxy.ts";
import { faultFlavours } from "./fault-flavours.ts";

const timeout = 90_000;
const withinMs = 20_000;
/** For issues on a machine that does much else. */
const env = { LEASEHOLD_ISSUE_GRACE: "10s" };
const accessor = "aws_1a2b3c4d";
const workers = 16;
const acknowledgedMin = 200;

/** The file to which Redis appends what it writes, and how long it is. */
async function appendOnlyFile({
  dir,
}: TestRedis): Promise<{ readonly file: string; readonly bytes: number }> {
  const folder = join(dir, "appendonlydir");
  const name = (await readdir(folder)).find((each) => each.endsWith(".incr.aof"));
  if (name === undefined) throw new Error("Redis has no append-only file.");
  const file = join(folder, name);
  return { file, bytes: (await stat(file)).size };
}

describe.concurrent.each(await faultFlavours())("On $name", ({ executable }) => {
  it("a Redis that writes to its disk before it answers has, after a SIGKILL, every transition that it acknowledged", {
    timeout,
  }, async () => {
    const redis = await startTestRedis({ executable, appendFsync: "always" });
    const client = createRedisClient({ url: redis.url });
    try {
      await prepareRedis(client);
      const store = createRedisLeaseStore({ client });
      await store.setMountState(accessor, "mounted");
      const active = new Map<string, NewLease>();
      const renewed = new Map<string, number>();
      const ended = new Set<string>();
      let isKilled = false;
      const work = async (): Promise<void> => {
        for (let count = 0; !isKilled; count++) {
          const lease = leaseOf(accessor, await store.nowMs());
          if ((await store.begin(lease)) !== "begun" || (await store.activate(lease, lease)) !== "active")
            throw new Error("A lease could not be issued.");
          active.set(lease.id, lease);
          if (count % 3 === 1) {
            const expiresAtMs = lease.expiresAtMs + 1000;
            await store.renew(lease, { expectedExpiresAtMs: lease.expiresAtMs, expiresAtMs });
            renewed.set(lease.id, expiresAtMs);
          }
          if (count % 3 === 2) {
            // From here on nobody knows, until it is acknowledged.
            active.delete(lease.id);
            await store.finish(lease, lease);
            ended.add(lease.id);
          }
        }
      };
      const cutOff = Promise.allSettled(Array.from({ length: workers }, work));
      await eventually("much was acknowledged", () => active.size + ended.size >= acknowledgedMin, {
        withinMs,
      });
      await redis.kill();
      isKilled = true;
      const failures = (await cutOff).flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
      expect(failures.filter((reason) => !isUnavailable(reason))).toEqual([]);

      await redis.restart();
      await client.whenReady(withinMs);
      for (const [id, lease] of active) {
        const stored = await store.get({ accessor, id });
        expect(stored?.state).toBe("active");
        // A renewal that was cut off may have worked.
        const expiries = renewed.has(id) ? [renewed.get(id)] : [lease.expiresAtMs, lease.expiresAtMs + 1000];
        expect(expiries).toContain(stored?.expiresAtMs);
      }
      for (const id of ended) expect(await store.hasEnded({ accessor, id })).toBe(true);
    } finally {
      await client.close();
      await redis.stop();
    }
  });

  it("a Redis that loses its last second forgets its leases, whose keys AWS ends by itself, and the server goes on", {
    timeout,
  }, async () => {
    await using deployment = await deploy({ redis: { executable, appendFsync: "everysec" }, env });
    const { aws, redis, redisConnection, server } = deployment;
    await deployment.mountAws();
    await deployment.writeRole();
    const kept = await deployment.readCreds({ ttl: "1h" });
    const short = await deployment.readCreds({ ttl: "8s" });
    await eventually("Redis has written them", async () =>
      String(await redisConnection.info("persistence")).includes("aof_buffer_length:0"),
    );
    const { file, bytes } = await appendOnlyFile(redis);
    const lost = await deployment.readCreds({ ttl: "1h" });

    // A process that is killed loses nothing that it gave to the system; a machine that fails does.
    await redis.kill();
    await truncate(file, bytes);
    await redis.restart();
    await eventually("the server is back", () => canReadRedis(deployment), { withinMs });

    await eventually("the lease that runs out ends", () => !deployment.aliveUsers().includes(short.user), {
      withinMs,
    });
    expect(Date.now()).toBeGreaterThanOrEqual(short.expiresAtMs);
    expect((await server.leases.lookup({ leaseId: kept.leaseId })).lease?.id).toBe(kept.leaseId);
    expect(await deployment.isKeyAlive(kept)).toBe(true);
    // Nobody knows of this one any more but AWS, where its tag names the lease and its policy ends with it.
    expect(await refusalOf(server.leases.lookup({ leaseId: lost.leaseId }))).toMatchObject({
      code: "NotFound",
    });
    const uuid = lost.leaseId.split("/").at(-1);
    expect(aws.account.users.get(lost.user).tags.get("leasehold:lease")?.value).toBe(uuid);
    expect(guardEndsAtMs(aws, lost.user)).toBeGreaterThanOrEqual(lost.expiresAtMs - 1000);
    // A quarter of its TTL and two minutes later, and not at some time.
    expect(guardEndsAtMs(aws, lost.user)).toBeLessThan(lost.expiresAtMs + 1_080_000);
    const next = await deployment.readCreds({ ttl: "1s" });
    await eventually("the next lease ends", () => !deployment.aliveUsers().includes(next.user), { withinMs });
  });
});
