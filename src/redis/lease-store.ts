import type { LeaseRef, LeaseState } from "../core/lease.ts";
import type { Claim, ClaimOutcome, LeaseLimit, LeaseStore } from "../core/lease-store.ts";
import { callerEntry } from "./caller-index.ts";
import {
  bookkeepingKeys,
  callerKey,
  idempotencyKey,
  leaseKey,
  type MountKeyName,
  mountKey,
  ttlKey,
} from "./keys.ts";
import { createLeaseEvents } from "./lease-events.ts";
import { createLeaseReader } from "./lease-reader.ts";
import {
  assertFence,
  assertSealed,
  goneMemoryMs,
  leasesPerCallMax,
  readLeaseRecord,
  storedError,
  wholeMs,
} from "./lease-record.ts";
import type { RedisClient } from "./redis-client.ts";
import { asBuffer, listOf, numberOf, pairsOf, textOf } from "./reply.ts";
import { scripts } from "./scripts.ts";
import { createTimedScripts, oneOf } from "./timed-scripts.ts";

const skewMaxMs = 1_000;

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
  const timed = createTimedScripts(client);
  const { run, runFenced } = timed;
  /** Runs a script whose effect is acknowledged only once it is durable. */
  const runDurably = (...call: Parameters<typeof run>) => run(call[0], call[1], call[2], replicasAwaited);

  const claimSome = async (
    accessor: string,
    claims: readonly Claim[],
    options: { readonly fence: string; readonly visibilityMs: number },
  ): Promise<ClaimOutcome[]> => {
    const fence = options.fence;
    const visibilityMs = wholeMs(options.visibilityMs);
    const keys = claims.flatMap(({ id }) => [leaseKey(accessor, id), ttlKey(accessor, id)]);
    const args = claims.flatMap((claim) => [claim.id, conditionOf(claim)]);
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
    ...createLeaseReader(client, timed),
    ...createLeaseEvents(client),
    nowMs: () => timed.nowMs(),
    async begin(lease) {
      assertFence(lease.fence);
      assertSealed(lease.sealed);
      const { accessor, id, idempotency, limits = [] } = lease;
      const { nowMs, rest } = await runDurably(
        scripts.begin,
        [
          ...leaseKeys(lease),
          mountKey(accessor, "ids"),
          callerKey(accessor, lease.caller),
          ...keysOf(accessor, "gone", "count", "events", "epoch", "state"),
          ...(idempotency ? [idempotencyKey(accessor, idempotency.key)] : []),
        ],
        [
          ...[id, lease.fence, asBuffer(lease.sealed), lease.role, lease.isRenewable ? "1" : ""],
          ...[lease.issuedAtMs, lease.expiresAtMs, lease.graceEndsAtMs].map(wholeMs),
          ...[skewMaxMs, goneMemoryMs],
          ...[wholeMs(idempotency?.memoryMs ?? 0), idempotency?.replacesId ?? ""],
          ...indexed(lease),
          ...limits.flatMap(({ of, max }) => [of, max]),
        ],
      );
      const words = ["begun", "unmounting", "unmounted", "skewed", "taken", "existing", "limited"] as const;
      const outcome = oneOf(words, rest[0]);
      if (outcome === "taken") throw new Error(`There is a lease "${id}" already.`);
      if (outcome === "skewed") return { skewedNowMs: nowMs };
      if (outcome === "existing") return { existingId: textOf(rest[1]) };
      if (outcome === "limited")
        return { limited: limitReached(limits, numberOf(rest[1]), numberOf(rest[2])) };
      return outcome;
    },
    async activate(ref, change) {
      assertFence(change.fence);
      assertSealed(change.sealed);
      const { rest } = await runDurably(
        scripts.activate,
        [...leaseKeys(ref), ...keysOf(ref.accessor, "count", "events", "epoch")],
        [ref.id, change.fence, asBuffer(change.sealed), wholeMs(change.expiresAtMs)],
      );
      const outcome = oneOf(["active", "lost", "later"], rest[0]);
      if (outcome === "later") {
        throw new Error(`The lease "${ref.id}" cannot be activated beyond the expiry that it began with.`);
      }
      return outcome;
    },
    async renew(ref, { expectedExpiresAtMs, expiresAtMs, sealed }) {
      if (sealed) assertSealed(sealed);
      const { rest } = await runDurably(
        scripts.renew,
        [...leaseKeys(ref), ...keysOf(ref.accessor, "gone", "events", "epoch")],
        [
          ...[ref.id, wholeMs(expectedExpiresAtMs), wholeMs(expiresAtMs), goneMemoryMs],
          ...(sealed ? [asBuffer(sealed)] : []),
        ],
      );
      return oneOf(["renewed", "changed", "ended", "unknown"], rest[0]);
    },
    async reopen(ref, { fence, graceMs, sealed }) {
      assertFence(fence);
      assertSealed(sealed);
      const { rest } = await runDurably(
        scripts.reopen,
        [...leaseKeys(ref), ...keysOf(ref.accessor, "gone", "count", "events", "epoch")],
        [ref.id, fence, asBuffer(sealed), wholeMs(graceMs), goneMemoryMs],
      );
      return oneOf(["reopened", "ended", "busy", "unknown"], rest[0]);
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
    async finish(ref, { fence, isForgotten, role, caller }) {
      assertFence(fence);
      return runFenced(
        scripts.finish,
        [
          ...leaseKeys(ref),
          mountKey(ref.accessor, "ids"),
          callerKey(ref.accessor, caller),
          ...keysOf(ref.accessor, "gone", "count", "irrevocable", "events", "epoch"),
        ],
        [ref.id, fence, role, goneMemoryMs, isForgotten ? "forget" : "finish", ...indexed(ref)],
        replicasAwaited,
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
    async setMountState(accessor, state) {
      const keys = keysOf(accessor, "state", "epoch");
      await client.run(scripts.setMountState, keys, [state], replicasAwaited);
    },
    async forgetMount(accessor) {
      const keys = [mountKey(accessor, "ids"), ...bookkeepingKeys(accessor)];
      return numberOf(await client.run(scripts.forgetMount, keys, [])) === 1;
    },
  };
}

/** Under which condition a claim takes its lease, as the script takes it. */
function conditionOf(claim: Claim): string | number {
  if (claim.kind === "due") return claim.dueAtMs;
  return claim.kind === "abandoned" ? `=${claim.issuerFence}` : "";
}

function keysOf(accessor: string, ...names: readonly MountKeyName[]): string[] {
  return names.map((name) => mountKey(accessor, name));
}

/** The first keys of every script that changes one lease. */
function leaseKeys({ accessor, id }: LeaseRef): string[] {
  return [leaseKey(accessor, id), mountKey(accessor, "due"), ttlKey(accessor, id)];
}

function limitReached(
  limits: readonly LeaseLimit[],
  at: number,
  live: number,
): LeaseLimit & { live: number } {
  const limit = limits[at];
  if (!limit) throw new Error(`A script named the limit ${at} of ${limits.length}.`);
  return { of: limit.of, max: limit.max, live };
}

/** Where the caller's index has a lease. */
function indexed({ id }: LeaseRef): readonly [bucket: string, member: Buffer] {
  const { bucket, member } = callerEntry(id);
  return [bucket, member];
}

function chunks<T>(all: readonly T[]): T[][] {
  const starts = Array.from(
    { length: Math.ceil(all.length / leasesPerCallMax) },
    (_, i) => i * leasesPerCallMax,
  );
  return starts.map((start) => all.slice(start, start + leasesPerCallMax));
}
