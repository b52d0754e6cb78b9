import { CoreError } from "../core/errors.ts";
import type { LeaseRef, LeaseState } from "../core/lease.ts";
import type {
  Claim,
  ClaimOutcome,
  FencedOutcome,
  LeaseCounts,
  LeaseStore,
  StoredLease,
} from "../core/lease-store.ts";
import {
  bookkeepingKeys,
  callerKey,
  leaseKey,
  lexicalRange,
  type MountKeyName,
  mountKey,
  ttlKey,
} from "./keys.ts";
import { assertFence, assertSealed, readLeaseRecord, storedError, wholeMs } from "./lease-record.ts";
import type { RedisArgument, RedisClient } from "./redis-client.ts";
import { createRedisClock, timeReplyMs } from "./redis-clock.ts";
import { asBuffer, listOf, numberOf, pairsOf, type RedisReply, textOf } from "./reply.ts";
import { type RedisScript, scripts } from "./scripts.ts";

const skewMaxMs = 1_000;
const goneMemoryMs = 24 * 3_600 * 1_000;
/** Leases in one call of a script: a third of a millisecond, in which Redis does nothing else. */
const leasesPerCallMax = 100;
const replicaTimeoutMs = 1_000;

/**
 * Keeps leases in Redis. Each transition is one script; the keys of a mount
 * share one hash slot. With `replicasAwaited`, what must be durable is
 * acknowledged only once that many replicas have it, too.
 */
export function createRedisLeaseStore(options: {
  readonly client: RedisClient;
  readonly replicasAwaited?: number;
}): LeaseStore {
  const { client, replicasAwaited = 0 } = options;
  const clock = createRedisClock();

  /** Runs a script whose answer begins with Redis's time, and learns from that; answers with the rest. */
  const run = async (script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]) => {
    const sentMs = performance.now();
    const reply = listOf(await client.run(script, keys, args));
    const nowMs = numberOf(reply[0]);
    clock.learn(nowMs, sentMs);
    return { nowMs, rest: reply.slice(1) };
  };
  const runFenced = async (...call: Parameters<typeof run>): Promise<FencedOutcome> =>
    oneOf(["done", "stale"], (await run(...call)).rest[0]);

  const nowMs = async (): Promise<number> => {
    const known = clock.nowMs();
    if (known !== undefined) return known;
    const sentMs = performance.now();
    const learnt = timeReplyMs(listOf(await client.call("TIME")));
    clock.learn(learnt, sentMs);
    return clock.nowMs() ?? learnt;
  };

  const awaitReplicas = async (): Promise<void> => {
    if (replicasAwaited === 0) return;
    const reached = numberOf(await client.call("WAIT", replicasAwaited, replicaTimeoutMs));
    if (reached >= replicasAwaited) return;
    throw new CoreError(
      "STORAGE_UNAVAILABLE",
      `Redis stored the change, but only ${reached} of ${replicasAwaited} replicas have it. Look at the replicas.`,
    );
  };

  const readLeases = async (accessor: string, ids: readonly string[]): Promise<StoredLease[]> => {
    const keys = [mountKey(accessor, "due"), ...ids.map((id) => leaseKey(accessor, id))];
    const { rest } = await run(scripts.read, keys, ids);
    return ids.flatMap((id, i) => {
      const [due, ...record] = listOf(rest[i]);
      return record.length === 0 ? [] : [readLeaseRecord({ accessor, id }, pairsOf(record), numberOf(due))];
    });
  };

  const claimSome = async (
    accessor: string,
    claims: readonly Claim[],
    options: { readonly fence: string; readonly visibilityMs: number },
  ): Promise<ClaimOutcome[]> => {
    const fence = options.fence;
    const visibilityMs = wholeMs(options.visibilityMs);
    const keys = claims.flatMap(({ id }) => [leaseKey(accessor, id), ttlKey(accessor, id)]);
    const args = claims.flatMap((claim) => [claim.id, claim.kind === "due" ? claim.dueAtMs : ""]);
    const mountKeys = keysOf(accessor, "due", "count", "events", "epoch");
    const answer = await run(scripts.claim, [...mountKeys, ...keys], [fence, visibilityMs, ...args]);
    return claims.map(({ id }, i) => {
      const [kind, ...record] = listOf(answer.rest[i]);
      const outcome = oneOf(["claimed", "busy", "changed", "unknown"], kind);
      if (outcome !== "claimed") return { kind: outcome };
      // The script answers with the record as it was before the claim.
      const before = readLeaseRecord({ accessor, id }, pairsOf(record), answer.nowMs + visibilityMs);
      return { kind: outcome, lease: { ...before, state: "revoking", fence } };
    });
  };

  return {
    nowMs,
    async begin(lease) {
      assertFence(lease.fence);
      assertSealed(lease.sealed);
      const { accessor, id } = lease;
      const { nowMs, rest } = await run(
        scripts.begin,
        [
          ...leaseKeys(lease),
          mountKey(accessor, "ids"),
          callerKey(accessor, lease.caller),
          ...keysOf(accessor, "gone", "count", "events", "epoch", "state"),
        ],
        [
          ...[id, lease.fence, asBuffer(lease.sealed), lease.role, lease.isRenewable ? "1" : ""],
          ...[lease.issuedAtMs, lease.expiresAtMs, lease.graceEndsAtMs].map(wholeMs),
          ...[skewMaxMs, goneMemoryMs],
        ],
      );
      const outcome = oneOf(["begun", "unmounting", "unmounted", "skewed", "taken"], rest[0]);
      if (outcome === "taken") throw new Error(`There is a lease "${id}" already.`);
      if (outcome === "skewed") return { skewedNowMs: nowMs };
      if (outcome === "begun") await awaitReplicas();
      return outcome;
    },
    async activate(ref, change) {
      assertFence(change.fence);
      assertSealed(change.sealed);
      const { rest } = await run(
        scripts.activate,
        [...leaseKeys(ref), ...keysOf(ref.accessor, "count", "events", "epoch")],
        [ref.id, change.fence, asBuffer(change.sealed), wholeMs(change.expiresAtMs)],
      );
      const outcome = oneOf(["active", "lost", "later"], rest[0]);
      if (outcome === "later") {
        throw new Error(`The lease "${ref.id}" cannot be activated beyond the expiry that it began with.`);
      }
      if (outcome === "active") await awaitReplicas();
      return outcome;
    },
    async renew(ref, { expiresAtMs, sealed }) {
      if (sealed) assertSealed(sealed);
      const { rest } = await run(
        scripts.renew,
        [...leaseKeys(ref), ...keysOf(ref.accessor, "gone", "events", "epoch")],
        [ref.id, wholeMs(expiresAtMs), goneMemoryMs, ...(sealed ? [asBuffer(sealed)] : [])],
      );
      return oneOf(["renewed", "ended", "unknown"], rest[0]);
    },
    async claim(accessor, claims, claimOptions) {
      assertFence(claimOptions.fence);
      const outcomes: ClaimOutcome[] = [];
      for (const some of chunks(claims)) outcomes.push(...(await claimSome(accessor, some, claimOptions)));
      return outcomes;
    },
    async disarmed(ref, { fence, sealed, next }) {
      assertFence(fence);
      assertSealed(sealed);
      return runFenced(
        scripts.disarmed,
        [...leaseKeys(ref), ...keysOf(ref.accessor, "count", "events", "epoch")],
        [ref.id, fence, asBuffer(sealed), "retryAtMs" in next ? wholeMs(next.retryAtMs) : ""],
      );
    },
    async finish(ref, { fence, role, caller }) {
      assertFence(fence);
      return runFenced(
        scripts.finish,
        [
          ...leaseKeys(ref),
          mountKey(ref.accessor, "ids"),
          callerKey(ref.accessor, caller),
          ...keysOf(ref.accessor, "gone", "count", "irrevocable", "events", "epoch"),
        ],
        [ref.id, fence, role, goneMemoryMs],
      );
    },
    async fail(ref, { fence, error, retryAtMs, usesAttempt, isIrrevocable }) {
      assertFence(fence);
      const nextState: LeaseState = isIrrevocable ? "irrevocable" : "revoking";
      return runFenced(
        scripts.fail,
        [...leaseKeys(ref), ...keysOf(ref.accessor, "count", "irrevocable", "events", "epoch")],
        [ref.id, fence, storedError(error), wholeMs(retryAtMs), usesAttempt ? 1 : 0, nextState],
      );
    },
    async get(ref) {
      return (await readLeases(ref.accessor, [ref.id]))[0];
    },
    async hasEnded(ref) {
      const ended = await client.call("ZSCORE", mountKey(ref.accessor, "gone"), ref.id);
      return ended !== null && numberOf(ended) > (await nowMs()) - goneMemoryMs;
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
        if (ids.length > 0) leases.push(...(await readLeases(accessor, ids)));
        if (ids.length < count) break;
        last = ids.at(-1) ?? last;
      }
      return leases;
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
      const { nowMs, rest } = await run(scripts.peek, [mountKey(accessor, "due")], [limit]);
      const [next, ...pairs] = rest;
      const due = [...pairsOf(pairs)].map(([id, score]) => ({ id, dueAtMs: numberOf(score) }));
      // Redis expires a key that is looked at; by itself it would find it minutes later.
      if (touch && due.length > 0) {
        await client.call("EXISTS", ...due.map(({ id }) => ttlKey(accessor, id)));
      }
      return { due, nextDueAtMs: textOf(next) === "" ? undefined : numberOf(next), nowMs };
    },
    async setMountState(accessor, state) {
      await client.run(scripts.setMountState, keysOf(accessor, "state", "epoch"), [state]);
      await awaitReplicas();
    },
    async forgetMount(accessor) {
      const keys = [mountKey(accessor, "ids"), ...bookkeepingKeys(accessor)];
      return numberOf(await client.run(scripts.forgetMount, keys, [])) === 1;
    },
  };
}

function keysOf(accessor: string, ...names: readonly MountKeyName[]): string[] {
  return names.map((name) => mountKey(accessor, name));
}

/** The first keys of every script that changes one lease. */
function leaseKeys({ accessor, id }: LeaseRef): string[] {
  return [leaseKey(accessor, id), mountKey(accessor, "due"), ttlKey(accessor, id)];
}

function oneOf<const T extends string>(words: readonly T[], reply: RedisReply | undefined): T {
  const text = textOf(reply);
  const word = words.find((each) => each === text);
  if (word === undefined)
    throw new Error(`A script answered "${text}" where ${words.join(", ")} were possible.`);
  return word;
}

function chunks<T>(all: readonly T[]): T[][] {
  const starts = Array.from(
    { length: Math.ceil(all.length / leasesPerCallMax) },
    (_, i) => i * leasesPerCallMax,
  );
  return starts.map((start) => all.slice(start, start + leasesPerCallMax));
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
