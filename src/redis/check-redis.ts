import { enableExpiredEvents } from "./keyspace-events.ts";
import type { RedisCall } from "./redis-client.ts";
import { listOf, textOf } from "./reply.ts";

/** A Redis that leases must not be kept in, and what to change. */
export class UnsuitableRedisError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UnsuitableRedisError";
  }
}

/** How a server sees to it that a write outlives it. `unknown` where it keeps a file and does not tell how. */
export type Persistence = "none" | "everysec" | "always" | "no-fsync" | "unknown";

/** What was found at the start. */
export interface RedisReport {
  readonly version: string;
  /** Whether Redis tells of keys that expire; without, leases are found by the timer alone. */
  readonly eventsOn: boolean;
  readonly persistence: Persistence;
  /** How many replicas are connected. */
  readonly replicas: number;
  /** Sentences for the log: what works, but not as well as it should. */
  readonly warnings: readonly string[];
}

/** What the check of one server is told about what it is part of. */
export interface RedisSetting {
  /** How many replicas must have a write before it is acknowledged; 0 unless told. */
  readonly replicasAwaited?: number;
  /** Whether it is to be a node of a cluster; not looked at unless told. */
  readonly isInCluster?: boolean;
}

const majorVersionMin = 7;

/** What each way to persist loses, and how to mend it; nothing is said where nothing is lost. */
const lossOf: Readonly<Record<Persistence, string | undefined>> = {
  none: "Redis keeps no append-only file: leases are lost when it stops. Set appendonly to yes.",
  everysec:
    'Redis writes its append-only file to the disk once a second (appendfsync is "everysec"): when its machine fails, ' +
    'the leases of the last second are lost, though callers had them. Set appendfsync to "always".',
  "no-fsync":
    'Redis leaves it to its machine when the append-only file goes to the disk (appendfsync is "no"): when the machine ' +
    'fails, the leases of half a minute are lost, though callers had them. Set appendfsync to "always".',
  unknown:
    'Redis does not tell its appendfsync. Unless it is "always", the leases of the last second are lost when its ' +
    "machine fails.",
  always: undefined,
};

/** Looks whether a server can be trusted with leases; throws `UnsuitableRedisError` where it would lose or refuse them. */
export async function checkRedis(
  { call }: { readonly call: RedisCall },
  { replicasAwaited = 0, isInCluster }: RedisSetting = {},
): Promise<RedisReport> {
  const info = readInfo(textOf(await call("INFO")));
  const version = info.get("redis_version") ?? "";
  if (!(Number.parseInt(version, 10) >= majorVersionMin)) {
    throw new UnsuitableRedisError(
      `Redis is version "${version}", and leasehold needs ${majorVersionMin}.0 or later. Upgrade Redis.`,
    );
  }
  const policy = info.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    throw new UnsuitableRedisError(
      `Redis throws keys away when it is full (maxmemory-policy is "${policy}"), and a lease that is thrown away is ` +
        'never revoked. Set maxmemory-policy to "noeviction".',
    );
  }
  if (info.get("role") === "slave") {
    throw new UnsuitableRedisError("Redis is a replica and takes no writes. Connect to the primary.");
  }
  if (isInCluster === false && info.get("cluster_enabled") === "1") {
    throw new UnsuitableRedisError(
      'Redis is a node of a cluster, and the URL names one server. Use "redis+cluster://" with some of the nodes.',
    );
  }
  const persistence = info.get("aof_enabled") === "1" ? await readFsync(call) : "none";
  const replicas = Number(info.get("connected_slaves") ?? 0);
  const eventsOn = await enableExpiredEvents(call);
  const warnings = [
    policy === undefined
      ? 'Redis does not tell its maxmemory-policy. See that it is "noeviction".'
      : undefined,
    lossOf[persistence],
    replicaWarning(replicas, replicasAwaited),
    eventsOn
      ? undefined
      : "Redis does not let us see to its keyspace events: leases are found by the timer alone unless " +
        'notify-keyspace-events has "Ex".',
  ];
  return {
    version,
    eventsOn,
    persistence,
    replicas,
    warnings: warnings.filter((warning) => warning !== undefined),
  };
}

async function readFsync(call: RedisCall): Promise<Persistence> {
  const value = await call("CONFIG", "GET", "appendfsync").then(
    (reply) => textOf(listOf(reply)[1]),
    () => "",
  );
  if (value === "always" || value === "everysec") return value;
  return value === "no" ? "no-fsync" : "unknown";
}

function replicaWarning(replicas: number, awaited: number): string | undefined {
  if (awaited > replicas) {
    return (
      `Redis has ${replicas} replicas connected, and LEASEHOLD_REDIS_REPLICAS_AWAITED is ${awaited}: nothing can be ` +
      "issued until there are as many. Look at the replicas, or lower the setting."
    );
  }
  if (awaited > 0 || replicas === 0) return undefined;
  return (
    `Redis has ${replicas} replicas, and none of them is waited for: a failover can lose the leases of the last moments, ` +
    "though callers had them. Set LEASEHOLD_REDIS_REPLICAS_AWAITED to 1 or more."
  );
}

function readInfo(text: string): ReadonlyMap<string, string> {
  const fields = [...text.matchAll(/^([^#:\r\n]+):([^\r\n]*)/gm)];
  return new Map(fields.map(([, name = "", value = ""]) => [name, value]));
}
