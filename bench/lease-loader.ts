import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { callerEntry } from "../src/redis/caller-index.ts";
import { callerKey, mountKey } from "../src/redis/keys.ts";
import type { RedisClient } from "../src/redis/redis-client.ts";
import type { RedisScript } from "../src/redis/scripts.ts";

/** What the leases are that are loaded. */
export interface LoadedLeases {
  readonly accessor: string;
  readonly count: number;
  readonly role: string;
  readonly caller: string;
  /** The first of them expires at `fromMs`, the last before `toMs`. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Bytes of the sealed part. They are random: nothing can open them. */
  readonly sealedBytes: number;
}

const leasesPerCall = 200;
const callsInFlight = 8;

/**
 * Writes active leases as the store's own scripts do, with the very functions that those scripts include: 200 a call, and
 * without an event for each.
 */
const script = ((): RedisScript => {
  const part = (name: string) =>
    readFileSync(new URL(`../src/redis/lua/include/${name}.lua`, import.meta.url), "utf8");
  const text = `#!lua
${part("lease")}
${part("caller")}
local due_key, ids_key, by_key, count_key = unpack(KEYS, 1, 4)
local lease_prefix, ttl_prefix, role = unpack(ARGV, 1, 3)
local now = now_ms()
local leases = 0
for i = 4, #ARGV, 6 do
  local id, expires, fence, sealed, bucket, member = unpack(ARGV, i, i + 5)
  local lease_key = lease_prefix .. id
  redis.call('HSET', lease_key, 'st', 'active', 'ex', expires, 'fe', fence, 'rn', '1')
  set_pieces(lease_key, '', sealed)
  make_due(due_key, ttl_prefix .. id, id, tonumber(expires), now)
  redis.call('ZADD', ids_key, 0, id)
  add_member(by_key, bucket, member)
  leases = leases + 1
end
add_count(count_key, 's:active', leases)
add_count(count_key, 'r:' .. role, leases)
return leases
`;
  return { name: "load leases", text, sha1: createHash("sha1").update(text).digest("hex") };
})();

/** Loads leases straight into Redis; answers the ids of the last ones, 200 or fewer. */
export async function loadLeases(redis: RedisClient, leases: LoadedLeases): Promise<readonly string[]> {
  const { accessor, count, role, caller, fromMs, toMs, sealedBytes } = leases;
  const keys = [
    ...(["due", "ids"] as const).map((name) => mountKey(accessor, name)),
    callerKey(accessor, caller),
    mountKey(accessor, "count"),
  ];
  const prefixes = ["lease", "ttl"].map((name) => `lh:{${accessor}}:${name}:`);
  let loaded = 0;
  let lastIds: string[] = [];
  const worker = async (): Promise<void> => {
    while (loaded < count) {
      const first = loaded;
      const size = Math.min(leasesPerCall, count - first);
      loaded += size;
      // One call to the system's random source for all of them: each costs more than the bytes.
      const sealed = randomBytes(size * sealedBytes);
      const ids = Array.from({ length: size }, () => `aws/creds/${role}/${crypto.randomUUID()}`);
      const args = ids.flatMap((id, at) => {
        const { bucket, member } = callerEntry(id);
        const expiresAtMs = Math.floor(fromMs + ((first + at) * (toMs - fromMs)) / count);
        const fence = sealed.subarray(at * sealedBytes, at * sealedBytes + 9).toString("base64url");
        const part = sealed.subarray(at * sealedBytes, (at + 1) * sealedBytes);
        return [id, expiresAtMs, fence, part, bucket, member];
      });
      await redis.run(script, keys, [...prefixes, role, ...args]);
      lastIds = ids;
    }
  };
  await Promise.all(Array.from({ length: callsInFlight }, worker));
  return lastIds;
}
