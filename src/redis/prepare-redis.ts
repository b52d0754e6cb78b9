import { checkRedis, type RedisReport, UnsuitableRedisError } from "./check-redis.ts";
import { metaKey } from "./keys.ts";
import type { RedisClient } from "./redis-client.ts";
import { textOf } from "./reply.ts";

const schemaField = "schema";
/** How keys and records are laid out; raised by a change that an older server would not understand. */
const schemaVersion = "1";
const readyTimeoutMs = 5_000;

/**
 * Waits for Redis, checks it, and sees that what it holds is laid out as this
 * version knows it; an empty Redis is marked so. Throws `UnsuitableRedisError`,
 * or `STORAGE_UNAVAILABLE` where Redis cannot be reached within five seconds.
 */
export async function prepareRedis(client: RedisClient): Promise<RedisReport> {
  await client.whenReady(readyTimeoutMs);
  const report = await checkRedis(client);
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
