import type { LeaseRef, LeaseState } from "../../src/core/lease.ts";
import type {
  ActivateOutcome,
  BeginOutcome,
  Claim,
  ClaimOutcome,
  FailedAttempt,
  FencedOutcome,
  LeaseIndexing,
  LeaseStore,
  NewLease,
  RenewOutcome,
  StoredEvent,
  StoredLease,
} from "../../src/core/lease-store.ts";
import type { RedisAccess } from "./model-redis.ts";
import { callerKey, idempotencyKey, leaseKey, mountKey, ttlKey } from "./redis-keys.ts";

const skewMaxMs = 1000;
const goneMemoryMs = 24 * 3_600_000;
const errorCharactersMax = 200;

/** A record as it is stored; when the lease is due stands in the due set alone. */
export type LeaseRecord = Omit<StoredLease, "accessor" | "id" | "dueAtMs">;

/** Reads the record of a lease. */
export function recordOf({ keys }: RedisAccess, ref: LeaseRef): LeaseRecord | undefined {
  return keys.values.get(leaseKey(ref))?.value as LeaseRecord | undefined;
}

/** When a lease is due; 0 where it is not in the due set. */
export function dueOf({ keys }: RedisAccess, ref: LeaseRef): number {
  return keys.zset(mountKey(ref.accessor, "due")).get(ref.id) ?? 0;
}

/** Says whether an id ended within the last 24 hours. */
export function hasEnded({ keys, nowMs }: RedisAccess, ref: LeaseRef): boolean {
  const endedMs = keys.zset(mountKey(ref.accessor, "gone")).get(ref.id);
  return endedMs !== undefined && endedMs > nowMs - goneMemoryMs;
}

function makeDue(access: RedisAccess, ref: LeaseRef, dueAtMs: number): void {
  const wholeMs = Math.floor(dueAtMs);
  access.write({ kind: "zadd", key: mountKey(ref.accessor, "due"), member: ref.id, score: wholeMs });
  const expiresAtMs = Math.max(wholeMs, access.nowMs + 1);
  access.write({ kind: "set", key: ttlKey(ref), value: "", expiresAtMs });
}

function count(access: RedisAccess, key: string, field: string, by: number): void {
  const value = Number(access.keys.hash(key).get(field) ?? 0) + by;
  if (value === 0) access.write({ kind: "hdel", key, field });
  else access.write({ kind: "hset", key, field, value });
}

function move(access: RedisAccess, ref: LeaseRef, from: LeaseState, to: LeaseState): void {
  if (from === to) return;
  const key = mountKey(ref.accessor, "byState");
  count(access, key, from, -1);
  count(access, key, to, 1);
  const irrevocable = mountKey(ref.accessor, "irrevocable");
  if (to === "irrevocable")
    access.write({ kind: "zadd", key: irrevocable, member: ref.id, score: access.nowMs });
  if (from === "irrevocable") access.write({ kind: "zrem", key: irrevocable, member: ref.id });
}

function write(access: RedisAccess, ref: LeaseRef, record: LeaseRecord): void {
  access.write({ kind: "set", key: leaseKey(ref), value: record });
}

/** Raises the epoch of a mount, as every change of it does. */
export function raiseEpoch(access: RedisAccess, accessor: string): number {
  const key = mountKey(accessor, "epoch");
  const epoch = Number(access.keys.values.get(key)?.value ?? 0) + 1;
  access.write({ kind: "set", key, value: epoch });
  return epoch;
}

function tell(
  access: RedisAccess,
  ref: LeaseRef,
  event: Pick<StoredEvent, "kind"> & Partial<Pick<StoredEvent, "expiresAtMs" | "state">>,
): void {
  const { accessor, id } = ref;
  raiseEpoch(access, accessor);
  const events = access.keys.stream(mountKey(accessor, "events")) as readonly StoredEvent[];
  const [newestMs = 0, newestNumber = 0] = (events.at(-1)?.position ?? "").split("-").map(Number);
  const position = `${Math.max(access.nowMs, newestMs)}-${newestNumber + 1}`;
  const entry: StoredEvent = {
    ...{ position, leaseId: id, atMs: access.nowMs },
    ...{ expiresAtMs: undefined, state: undefined },
    ...event,
  };
  access.write({ kind: "xadd", key: mountKey(accessor, "events"), entry, lengthMax: access.eventsMax });
}

/** Stores a lease in state `issuing`. */
export function begin(access: RedisAccess, lease: NewLease): BeginOutcome {
  const { accessor, id, fence } = lease;
  const before = recordOf(access, lease);
  if (before?.state === "issuing" && before.fence === fence) return "begun";
  if (before || hasEnded(access, lease)) throw new Error(`There is a lease "${id}" already.`);
  const state = access.keys.values.get(mountKey(accessor, "state"))?.value;
  if (state !== "mounted") return state === "unmounting" ? "unmounting" : "unmounted";
  if (Math.abs(access.nowMs - lease.issuedAtMs) > skewMaxMs) return { skewedNowMs: access.nowMs };
  const { idempotency, role } = lease;
  if (idempotency) {
    const memory = access.keys.values.get(idempotencyKey(accessor, idempotency.key));
    const isRemembered = memory !== undefined && (memory.expiresAtMs ?? 0) > access.nowMs;
    if (isRemembered && memory.value !== idempotency.replacesId) return { existingId: String(memory.value) };
  }
  for (const limit of lease.limits ?? []) {
    const counts =
      limit.of === "mount"
        ? [...access.keys.hash(mountKey(accessor, "byState")).values()]
        : [access.keys.hash(mountKey(accessor, "byRole")).get(role) ?? 0];
    const live = counts.reduce<number>((sum, each) => sum + Number(each), 0);
    if (live >= limit.max) return { limited: { ...limit, live } };
  }

  write(access, lease, {
    ...{
      state: "issuing",
      sealed: new Uint8Array(lease.sealed),
      expiresAtMs: Math.floor(lease.expiresAtMs),
      fence,
    },
    ...{ attempts: 0, backoffEndsAtMs: undefined, lastError: "", disarmedAtMs: undefined },
    isRenewable: lease.isRenewable,
  });
  makeDue(access, lease, lease.graceEndsAtMs);
  access.write({ kind: "zadd", key: mountKey(accessor, "ids"), member: id, score: 0 });
  access.write({ kind: "zadd", key: callerKey(accessor, lease.caller), member: id, score: 0 });
  count(access, mountKey(accessor, "byState"), "issuing", 1);
  count(access, mountKey(accessor, "byRole"), role, 1);
  if (idempotency) {
    const expiresAtMs = access.nowMs + idempotency.memoryMs;
    access.write({ kind: "set", key: idempotencyKey(accessor, idempotency.key), value: id, expiresAtMs });
  }
  tell(access, lease, { kind: "begin", expiresAtMs: Math.floor(lease.expiresAtMs) });
  return "begun";
}

/** Makes an issuing lease active. */
export function activate(
  access: RedisAccess,
  ref: LeaseRef,
  change: Parameters<LeaseStore["activate"]>[1],
): ActivateOutcome {
  const record = recordOf(access, ref);
  if (record?.fence !== change.fence) return "lost";
  if (record.state === "active") return "active";
  if (record.state !== "issuing" || dueOf(access, ref) <= access.nowMs) return "lost";
  const expiresAtMs = Math.floor(change.expiresAtMs);
  if (change.expiresAtMs > record.expiresAtMs)
    throw new Error(`The lease "${ref.id}" cannot be activated beyond the expiry that it began with.`);
  write(access, ref, { ...record, state: "active", sealed: new Uint8Array(change.sealed), expiresAtMs });
  makeDue(access, ref, expiresAtMs);
  move(access, ref, "issuing", "active");
  tell(access, ref, { kind: "activate", expiresAtMs });
  return "active";
}

/** Moves the expiry of an active lease. */
export function renew(
  access: RedisAccess,
  ref: LeaseRef,
  change: Parameters<LeaseStore["renew"]>[1],
): RenewOutcome {
  const record = recordOf(access, ref);
  if (!record) return hasEnded(access, ref) ? "ended" : "unknown";
  if (record.state !== "active" || record.expiresAtMs <= access.nowMs) return "ended";
  const expiresAtMs = Math.floor(change.expiresAtMs);
  if (record.expiresAtMs !== Math.floor(change.expectedExpiresAtMs))
    return record.expiresAtMs === expiresAtMs ? "renewed" : "changed";
  const sealed = change.sealed ? new Uint8Array(change.sealed) : record.sealed;
  write(access, ref, { ...record, sealed, expiresAtMs });
  makeDue(access, ref, expiresAtMs);
  tell(access, ref, { kind: "renew", expiresAtMs });
  return "renewed";
}

/** Takes an active lease back into `issuing`. */
export function reopen(
  access: RedisAccess,
  ref: LeaseRef,
  change: Parameters<LeaseStore["reopen"]>[1],
): Awaited<ReturnType<LeaseStore["reopen"]>> {
  const record = recordOf(access, ref);
  if (!record) return hasEnded(access, ref) ? "ended" : "unknown";
  if (record.state === "issuing") return record.fence === change.fence ? "reopened" : "busy";
  if (record.state !== "active" || record.expiresAtMs <= access.nowMs) return "ended";
  write(access, ref, {
    ...record,
    state: "issuing",
    fence: change.fence,
    sealed: new Uint8Array(change.sealed),
  });
  makeDue(access, ref, Math.min(access.nowMs + change.graceMs, record.expiresAtMs));
  move(access, ref, "active", "issuing");
  tell(access, ref, { kind: "reopen" });
  return "reopened";
}

/** Takes leases into `revoking`. */
export function claim(
  access: RedisAccess,
  accessor: string,
  claims: readonly Claim[],
  options: { readonly fence: string; readonly visibilityMs: number },
): readonly ClaimOutcome[] {
  const { fence } = options;
  const dueAtMs = access.nowMs + Math.floor(options.visibilityMs);
  return claims.map((each) => {
    const ref = { accessor, id: each.id };
    const record = recordOf(access, ref);
    if (!record) {
      // A due entry without a record has nothing to revoke, and would come up for ever.
      if (each.kind === "due")
        access.write({ kind: "zrem", key: mountKey(accessor, "due"), member: each.id });
      return { kind: "unknown" };
    }
    const wasDueAtMs = dueOf(access, ref);
    if (record.state !== "revoking" || record.fence !== fence) {
      const isChanged = each.kind === "due" && (wasDueAtMs !== each.dueAtMs || wasDueAtMs > access.nowMs);
      const isAnothers = each.kind === "abandoned" && record.fence !== each.issuerFence;
      if (isChanged || (isAnothers && record.state !== "revoking")) return { kind: "changed" };
      if (record.state === "revoking" && record.fence !== "" && wasDueAtMs > access.nowMs)
        return { kind: "busy" };
    }
    const claimed: LeaseRecord = { ...record, state: "revoking", fence };
    write(access, ref, claimed);
    makeDue(access, ref, dueAtMs);
    move(access, ref, record.state, "revoking");
    tell(access, ref, { kind: "claim" });
    return { kind: "claimed", lease: { ...ref, ...claimed, dueAtMs } };
  });
}

/** Records that the secret is useless. */
export function disarmed(
  access: RedisAccess,
  ref: LeaseRef,
  change: Parameters<LeaseStore["disarmed"]>[1],
): FencedOutcome {
  const record = recordOf(access, ref);
  if (record?.fence !== change.fence) return "stale";
  const endsClaim = "retryAtMs" in change.next;
  write(access, ref, {
    ...record,
    ...{ state: "revoking", sealed: new Uint8Array(change.sealed), fence: endsClaim ? "" : record.fence },
    disarmedAtMs: record.disarmedAtMs ?? access.nowMs,
  });
  if ("retryAtMs" in change.next) makeDue(access, ref, change.next.retryAtMs);
  move(access, ref, record.state, "revoking");
  tell(access, ref, { kind: "disarmed" });
  return "done";
}

/** Drops the record. */
export function finish(
  access: RedisAccess,
  ref: LeaseRef,
  change: { readonly fence: string; readonly isForgotten?: boolean } & LeaseIndexing,
): FencedOutcome {
  const { accessor, id } = ref;
  const record = recordOf(access, ref);
  if (!record && hasEnded(access, ref)) return "done";
  if (record?.fence !== change.fence) return "stale";
  access.write({ kind: "del", key: leaseKey(ref) });
  access.write({ kind: "del", key: ttlKey(ref) });
  for (const name of ["due", "ids", "irrevocable"] as const)
    access.write({ kind: "zrem", key: mountKey(accessor, name), member: id });
  access.write({ kind: "zrem", key: callerKey(accessor, change.caller), member: id });
  access.write({ kind: "zadd", key: mountKey(accessor, "gone"), member: id, score: access.nowMs });
  count(access, mountKey(accessor, "byState"), record.state, -1);
  count(access, mountKey(accessor, "byRole"), change.role, -1);
  tell(access, ref, { kind: change.isForgotten ? "forget" : "finish" });
  return "done";
}

/** Records a failed attempt. */
export function fail(
  access: RedisAccess,
  ref: LeaseRef,
  change: { readonly fence: string } & FailedAttempt,
): FencedOutcome {
  const record = recordOf(access, ref);
  if (record?.fence !== change.fence) return "stale";
  const state: LeaseState = change.isIrrevocable ? "irrevocable" : "revoking";
  const retryAtMs = Math.floor(change.retryAtMs);
  write(access, ref, {
    ...record,
    ...{ state, fence: "", lastError: [...change.error].slice(0, errorCharactersMax).join("") },
    ...(change.usesAttempt && { attempts: record.attempts + 1, backoffEndsAtMs: retryAtMs }),
  });
  makeDue(access, ref, retryAtMs);
  move(access, ref, record.state, state);
  tell(access, ref, { kind: "fail", state });
  return "done";
}
