import { once } from "node:events";
import { Redis, type RedisOptions } from "ioredis";

/** How long a command may take: with what comes before it, a caller hears within two seconds that Redis is away. */
const commandTimeoutMs = 1_500;
/** After this long without a word where one is owed, the connection is given up for a new one. */
const silenceMsMax = 3_000;
const connectTimeoutMs = 2_000;
const reconnectMsMin = 50;
const reconnectMsMax = 1_000;

const settings = {
  // The second version of the protocol answers alike on every server and in every mode.
  protocol: 2,
  commandTimeout: commandTimeoutMs,
  socketTimeout: silenceMsMax,
  connectTimeout: connectTimeoutMs,
  // What was cut off may have run. Only its caller knows whether it may run twice.
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  // Commands fail at once while Redis is away, instead of piling up.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  retryStrategy: (times: number) => Math.min(reconnectMsMin * 2 ** Math.min(times - 1, 10), reconnectMsMax),
  // After a failover the old primary may live on as a replica: the name of the host leads to the new one.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  disableClientInfo: true,
} satisfies RedisOptions;

/**
 * Opens a connection that comes back by itself for ever, and starts to connect
 * at once. Throws a sentence, without the URL's credentials, for a URL that is
 * none: `redis://` or `rediss://`, host, port, and the number of a database.
 */
export function openRedisConnection(url: string, name: string): Redis {
  assertRedisUrl(url);
  return new Redis(url, { ...settings, connectionName: name });
}

/** Closes a connection for good. */
export async function closeRedisConnection(redis: Redis): Promise<void> {
  // Between two attempts to connect there is nothing open, and nothing would tell of its end.
  const isOpen = redis.status !== "reconnecting" && redis.status !== "end";
  const ended = isOpen ? once(redis, "end") : undefined;
  redis.disconnect();
  await ended;
}

function assertRedisUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== "redis:" && parsed?.protocol !== "rediss:") {
    throw new Error(
      'Cannot use the Redis URL: it must begin with "redis://" or "rediss://" and name a host.',
    );
  }
  if (!/^(\/\d*)?$/.test(parsed.pathname)) {
    throw new Error(
      `Cannot use the Redis URL: its path must be the number of a database, such as "/0", not "${parsed.pathname}".`,
    );
  }
}
