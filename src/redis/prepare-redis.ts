import { checkRedis, type RedisReport, type RedisSetting, UnsuitableRedisError } from "./check-redis.ts";
import { metaKey } from "./keys.ts";
import type { RedisClient } from "./redis-client.ts";
import { textOf } from "./reply.ts";

const schemaField = "schema";
/** How keys and records are laid out; raised by a change that an older server would not understand. */
const schemaVersion = "1";
const readyTimeoutMs = 5_000;

/**
 * Waits for Redis, checks every server that takes writes, and sees that what it
 * holds is laid out as this version knows it; an empty Redis is marked so.
 * Throws `UnsuitableRedisError`, or `STORAGE_UNAVAILABLE` where Redis cannot be
 * reached within five seconds.
 */
export async function prepareRedis(
  client: RedisClient,
  { replicasAwaited = 0 }: Pick<RedisSetting, "replicasAwaited"> = {},
): Promise<RedisReport> {
  await client.whenReady(readyTimeoutMs);
  const report = await checkMasters(client, { replicasAwaited, isInCluster: client.kind === "cluster" });
  await client.call("HSETNX", metaKey, schemaField, schemaVersion);
  const found = textOf(await client.call("HGET", metaKey, schemaField));
  if (found !== schemaVersion) {
    throw new UnsuitableRedisError(
      `Redis holds leases of schema version "${found}", and this version of leasehold knows "${schemaVersion}" only. ` +
        "Use the version of leasehold that wrote them, or another database.",
    );
  }
  return report;
}

/** The report of all is that of the weakest; what it warns of names the server where there are several. */
async function checkMasters(client: RedisClient, setting: RedisSetting): Promise<RedisReport> {
  const masters = client.masters();
  const [first, ...others] = await Promise.all(
    masters.map(async (master) => {
      const report = await checkRedis(master, setting).catch((error: unknown) => {
        if (masters.length === 1 || !(error instanceof UnsuitableRedisError)) throw error;
        throw new UnsuitableRedisError(`${master.name}: ${error.message}`);
      });
      const warnings = report.warnings.map((said) => (masters.length > 1 ? `${master.name}: ${said}` : said));
      return { ...report, warnings };
    }),
  );
  if (first === undefined)
    throw new Error("A Redis that is ready has at least one server that takes writes.");
  return others.reduce(
    (all, one) => ({
      version: all.version,
      eventsOn: all.eventsOn && one.eventsOn,
      persistence: weaker(all.persistence, one.persistence),
      replicas: Math.min(all.replicas, one.replicas),
      warnings: [...all.warnings, ...one.warnings],
    }),
    first,
  );
}

const byStrength = ["none", "no-fsync", "unknown", "everysec", "always"] as const;

function weaker(
  one: RedisReport["persistence"],
  other: RedisReport["persistence"],
): RedisReport["persistence"] {
  return byStrength.indexOf(one) < byStrength.indexOf(other) ? one : other;
}
