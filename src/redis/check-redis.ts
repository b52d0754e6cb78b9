import { enableExpiredEvents } from "./keyspace-events.ts";
import type { RedisClient } from "./redis-client.ts";
import { textOf } from "./reply.ts";

/** A Redis that leases must not be kept in, and what to change. */
export class UnsuitableRedisError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UnsuitableRedisError";
  }
}

/** What was found at the start. */
export interface RedisReport {
  readonly version: string;
  /** Whether Redis tells of keys that expire; without, leases are found by the timer alone. */
  readonly eventsOn: boolean;
  /** How many replicas are connected. */
  readonly replicas: number;
  /** Sentences for the log: what works, but not as well as it should. */
  readonly warnings: readonly string[];
}

const majorVersionMin = 7;

/** Looks whether Redis can be trusted with leases; throws `UnsuitableRedisError` where it would lose or refuse them. */
export async function checkRedis(client: RedisClient): Promise<RedisReport> {
  const info = readInfo(textOf(await client.call("INFO")));
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
  const eventsOn = await enableExpiredEvents(client.call);
  const warnings: string[] = [];
  if (policy === undefined) {
    warnings.push('Redis does not tell its maxmemory-policy. See that it is "noeviction".');
  }
  if (info.get("aof_enabled") !== "1") {
    warnings.push("Redis keeps no append-only file: leases are lost when it stops. Set appendonly to yes.");
  }
  if (!eventsOn) {
    warnings.push(
      "Redis does not let us see to its keyspace events: leases are found by the timer alone unless " +
        'notify-keyspace-events has "Ex".',
    );
  }
  return { version, eventsOn, replicas: Number(info.get("connected_slaves") ?? 0), warnings };
}

function readInfo(text: string): ReadonlyMap<string, string> {
  const fields = [...text.matchAll(/^([^#:\r\n]+):([^\r\n]*)/gm)];
  return new Map(fields.map(([, name = "", value = ""]) => [name, value]));
}
