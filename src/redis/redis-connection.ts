import { setTimeout as delay } from "node:timers/promises";
import { Redis, type RedisOptions } from "ioredis";
import { followFailovers } from "./follow-failovers.ts";
import {
  isTlsRedisUrl,
  type RedisAddress,
  type RedisCredentials,
  type RedisTrust,
  type SentinelRedis,
  type SingleRedis,
} from "./redis-url.ts";

/** How long a command may take: with what comes before it, a caller hears within two seconds that Redis is away. */
const commandTimeoutMs = 1_500;
/** After this long without a word where one is owed, the connection is given up for a new one. */
const silenceMsMax = 3_000;
const connectTimeoutMs = 2_000;
const reconnectMsMin = 50;
const reconnectMsMax = 1_000;

const reconnectMs = (times: number) =>
  Math.min(reconnectMsMin * 2 ** Math.min(times - 1, 10), reconnectMsMax);

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
  retryStrategy: reconnectMs,
  // After a failover the old primary may live on as a replica: the name of the host, or a sentinel, leads to the new one.
  reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  disableClientInfo: true,
} satisfies RedisOptions;

/** One node of a cluster. */
export interface ClusterNode extends RedisTrust {
  readonly kind: "node";
  readonly address: RedisAddress;
  readonly credentials: RedisCredentials;
  readonly isTls: boolean;
}

/** What one connection leads to: always the same server, or the primary that sentinels name. */
export type RedisEndpoint = SingleRedis | SentinelRedis | ClusterNode;

/** The connections to sentinels that belong to one to a primary; they end with it. */
const sentinelsOf = new WeakMap<Redis, readonly Redis[]>();

/** Opens a connection that comes back by itself for ever, and starts to connect at once. */
export function openRedisConnection(endpoint: RedisEndpoint, name: string): Redis {
  const trust = endpoint.ca === undefined ? {} : { ca: endpoint.ca };
  if (endpoint.kind === "single") {
    const tls = isTlsRedisUrl(endpoint.url) ? { tls: trust } : {};
    return new Redis(endpoint.url, { ...settings, ...tls, connectionName: name });
  }
  const { credentials, isTls, ca } = endpoint;
  const options = {
    ...settings,
    ...credentials,
    ...(isTls ? { tls: trust } : {}),
    connectionName: name,
  };
  if (endpoint.kind === "node") return new Redis({ ...options, ...endpoint.address });
  const { username, password } = endpoint.sentinelCredentials;
  const redis = new Redis({
    ...options,
    db: endpoint.db,
    sentinels: [...endpoint.sentinels],
    name: endpoint.masterName,
    sentinelRetryStrategy: reconnectMs,
    sentinelCommandTimeout: commandTimeoutMs,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(isTls ? { sentinelTLS: trust, enableTLSForSentinelMode: true } : {}),
  });
  const sentinels = endpoint.sentinels.map((address) =>
    openRedisConnection(
      { kind: "node", address, credentials: endpoint.sentinelCredentials, isTls, ca },
      name,
    ),
  );
  sentinelsOf.set(redis, sentinels);
  followFailovers(redis, endpoint.masterName, sentinels);
  return redis;
}

/** Closes a connection for good. */
export async function closeRedisConnection(redis: Redis): Promise<void> {
  // Between two attempts to connect there is nothing open, and nothing would tell of its end.
  const isOpen = redis.status !== "reconnecting" && redis.status !== "end";
  const ended = isOpen ? firstOf(redis, ["end"]) : undefined;
  redis.disconnect();
  await Promise.all([ended, ...(sentinelsOf.get(redis) ?? []).map(closeRedisConnection)]);
}

/** Resolves once a connection that is just being made is there, or has failed, or `timeoutMs` have passed. */
export async function settleConnection(redis: Redis, timeoutMs: number): Promise<void> {
  if (redis.status !== "connecting" && redis.status !== "connect") return;
  const settled = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: settled.signal }).catch(() => {});
  await Promise.race([firstOf(redis, ["ready", "close", "end"]), late]);
  settled.abort();
}

/** Resolves with the first of these events; unlike `once`, an error does not end the wait. */
function firstOf(redis: Redis, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const happened = () => {
      for (const event of events) redis.off(event, happened);
      resolve();
    };
    for (const event of events) redis.on(event, happened);
  });
}
