import type { LeaseCounts, LeaseStore, StoredLease } from "../core/lease-store.ts";
import { idsOfBucket } from "./caller-index.ts";
import { callerKey, leaseKey, lexicalRange, mountKey, ttlKey } from "./keys.ts";
import { goneMemoryMs, leasesPerCallMax, readLeaseRecord } from "./lease-record.ts";
import type { RedisClient } from "./redis-client.ts";
import { listOf, numberOf, pairsOf, textOf } from "./reply.ts";
import { scripts } from "./scripts.ts";
import type { TimedScripts } from "./timed-scripts.ts";

const scannedAtOnce = 200;

/** The calls of a lease store that look and change nothing. */
export type LeaseReader = Pick<
  LeaseStore,
  "get" | "hasEnded" | "list" | "idsOfCaller" | "count" | "countPrefix" | "peekDue" | "dueBetween"
>;

/** Reads leases from Redis. A record that is gone before it is read is left out. */
export function createLeaseReader(client: RedisClient, timed: TimedScripts): LeaseReader {
  const readLeases = async (accessor: string, ids: readonly string[]): Promise<StoredLease[]> => {
    if (ids.length === 0) return [];
    const keys = [mountKey(accessor, "due"), ...ids.map((id) => leaseKey(accessor, id))];
    const { rest } = await timed.run(scripts.read, keys, ids);
    return ids.flatMap((id, i) => {
      const [due, ...record] = listOf(rest[i]);
      return record.length === 0 ? [] : [readLeaseRecord({ accessor, id }, pairsOf(record), numberOf(due))];
    });
  };

  return {
    async get(ref) {
      return (await readLeases(ref.accessor, [ref.id]))[0];
    },
    async hasEnded(ref) {
      const ended = await client.call("ZSCORE", mountKey(ref.accessor, "gone"), ref.id);
      return ended !== null && numberOf(ended) > (await timed.nowMs()) - goneMemoryMs;
    },
    async list(accessor, { prefix, after, limit }) {
      const leases: StoredLease[] = [];
      let last = after;
      // A lease may end between the two steps. A page that is short for that would look like the last one.
      while (leases.length < limit) {
        const { min, max } = lexicalRange(prefix, last);
        const count = Math.min(limit - leases.length, leasesPerCallMax);
        const page = ["ZRANGEBYLEX", mountKey(accessor, "ids"), min, max, "LIMIT", 0, count] as const;
        const ids = listOf(await client.call(...page)).map(textOf);
        leases.push(...(await readLeases(accessor, ids)));
        if (ids.length < count) break;
        last = ids.at(-1) ?? last;
      }
      return leases;
    },
    async idsOfCaller(accessor, caller) {
      const ids = new Set<string>();
      let cursor = "0";
      do {
        const scan = ["HSCAN", callerKey(accessor, caller), cursor, "COUNT", scannedAtOnce] as const;
        const [next, buckets] = listOf(await client.call(...scan));
        // A scan can give a bucket twice.
        for (const [bucket, members] of pairsOf(listOf(buckets)))
          for (const id of idsOfBucket(bucket, members)) ids.add(id);
        cursor = textOf(next);
      } while (cursor !== "0");
      return [...ids];
    },
    async count(accessor) {
      return readCounts(
        pairsOf(listOf(await client.run(scripts.readHash, [mountKey(accessor, "count")], []))),
      );
    },
    async countPrefix(accessor, prefix) {
      const { min, max } = lexicalRange(prefix);
      return numberOf(await client.call("ZLEXCOUNT", mountKey(accessor, "ids"), min, max));
    },
    async peekDue(accessor, { limit, touch }) {
      const { nowMs, rest } = await timed.run(scripts.peek, [mountKey(accessor, "due")], [limit]);
      const [next, ...pairs] = rest;
      const due = [...pairsOf(pairs)].map(([id, score]) => ({ id, dueAtMs: numberOf(score) }));
      // Redis expires a key that is looked at; by itself it would find it minutes later.
      if (touch && due.length > 0) {
        await client.call("EXISTS", ...due.map(({ id }) => ttlKey(accessor, id)));
      }
      return { due, nextDueAtMs: textOf(next) === "" ? undefined : numberOf(next), nowMs };
    },
    async dueBetween(accessor, { fromMs, toMs, limit }) {
      const [from, to] = [Math.floor(fromMs), Math.floor(toMs)];
      const leases: StoredLease[] = [];
      let lowest = `(${from}`;
      // Each page begins again at the last time of the one before, where more may come due than a page holds.
      let seenOfLowest: ReadonlySet<string> = new Set();
      while (leases.length < limit) {
        const count = leasesPerCallMax + seenOfLowest.size;
        const range = [mountKey(accessor, "due"), lowest, to, "BYSCORE", "LIMIT", 0, count] as const;
        const page = [...pairsOf(listOf(await client.call("ZRANGE", ...range, "WITHSCORES")))];
        const news = page.map(([id]) => id).filter((id) => !seenOfLowest.has(id));
        for (const lease of await readLeases(accessor, news)) {
          const isIn = lease.dueAtMs > from && lease.dueAtMs <= to;
          if (lease.state === "active" && isIn) leases.push(lease);
        }
        const last = page.at(-1)?.[1].toString();
        if (page.length < count || last === undefined) break;
        seenOfLowest = new Set(page.filter(([, due]) => due.toString() === last).map(([id]) => id));
        lowest = last;
      }
      return leases.sort((one, other) => one.dueAtMs - other.dueAtMs).slice(0, limit);
    },
  };
}

function readCounts(fields: ReadonlyMap<string, Buffer>): LeaseCounts {
  const byState: Record<string, number> = {};
  const byRole: Record<string, number> = {};
  for (const [field, count] of fields) {
    const counts = field.startsWith("s:") ? byState : byRole;
    counts[field.slice(2)] = numberOf(count);
  }
  return { byState, byRole };
}
