import type { RedisSearch } from "./redis-search.ts";
import { resolveRedis } from "./resolve-redis.ts";
import { type EmbeddedRedisOptions, startEmbeddedRedis } from "./start-embedded-redis.ts";

/** Which Redis is wanted: the one at `url`, or else a server of one's own with its data in `dir`. */
export interface RedisWish
  extends RedisSearch,
    Pick<EmbeddedRedisOptions, "dir" | "port" | "appendFsync" | "extraArgs"> {
  readonly url: string | undefined;
}

/** A Redis to connect to. */
export interface ProvidedRedis {
  readonly url: string;
  /** Whether this process started it; then it ends with this process. */
  readonly isEmbedded: boolean;
  /** Ends an embedded server, keeping its data; leaves any other alone. */
  stop(): Promise<void>;
}

/**
 * Gives a Redis to connect to: the one whose URL is known, used as it is, or else an embedded one.
 *
 * Rejects with a `NoRedisError` where this machine has no server program and none can be fetched.
 */
export async function provideRedis(wish: RedisWish): Promise<ProvidedRedis> {
  if (wish.url !== undefined) return { url: wish.url, isEmbedded: false, stop: async () => {} };
  const { path, env } = await resolveRedis(wish);
  const { dir, port, appendFsync, extraArgs } = wish;
  const redis = await startEmbeddedRedis({
    executable: path,
    env,
    dir,
    ...(port === undefined ? {} : { port }),
    ...(appendFsync === undefined ? {} : { appendFsync }),
    ...(extraArgs === undefined ? {} : { extraArgs }),
  });
  return { url: redis.url, isEmbedded: true, stop: () => redis.stop() };
}
