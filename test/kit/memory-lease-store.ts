import type { LeaseRef } from "../../src/core/lease.ts";
import type {
  Claim,
  ClaimOutcome,
  FencedOutcome,
  LeaseStore,
  StoredEvent,
  StoredLease,
  Wakeups,
} from "../../src/core/lease-store.ts";
import { assertFence, assertSealed } from "../../src/redis/lease-record.ts";
import { createCallBreaker } from "./call-breaker.ts";
import { compareBytes } from "./compare-bytes.ts";
import { createMemoryEventLog } from "./memory-event-log.ts";
import {
  applyFailure,
  countLeases,
  type MemoryLease,
  newMemoryLease,
  reachedLimit,
  reschedule,
  snapshot,
} from "./memory-lease.ts";
import { createMemoryMounts } from "./memory-mount.ts";
import { createMemoryWakeups } from "./memory-wakeups.ts";

const skewMaxMs = 1000;
const goneMemoryMs = 24 * 3600 * 1000;

/** One transition, as the store remembers it for tests to look at. */
export interface MemoryLeaseEvent {
  readonly kind: StoredEvent["kind"];
  readonly accessor: string;
  readonly id: string;
}

/**
 * A lease store in memory that keeps to the same contract as the one on Redis:
 * both pass `leaseStoreConformance`. Several servers of a test can share one.
 */
export interface MemoryLeaseStore extends LeaseStore {
  /** Every transition so far, in order. */
  readonly events: readonly MemoryLeaseEvent[];
  /** Every lease that is stored now, of all mounts. */
  leases(): readonly StoredLease[];
  /** What `setMountState` set last; undefined for a mount that is not there. */
  mountState(accessor: string): "mounted" | "unmounting" | undefined;
  /** The wakeups of one server. They fire on `fireDue`, and when a server touches what is due. */
  createWakeups(): Wakeups;
  /** Raises the epoch of a mount, as a write to its storage does. */
  raiseEpoch(accessor: string): void;
  /** Tells every started listener, once for each lease, of mounts with leases that have come due. */
  fireDue(): void;
  /** Tells every started listener that wakeups may have been missed. */
  fireGap(): void;
  /**
   * Makes the next `times` calls of one method reject with `STORAGE_UNAVAILABLE`: `before` it changed anything, or
   * `after` it did, which is what a lost reply looks like.
   */
  breakNext(call: keyof LeaseStore, when: "before" | "after", times?: number): void;
}

/** Makes a lease store in memory, whose time is what `nowMs` says. */
export function createMemoryLeaseStore(options: { readonly nowMs: () => number }): MemoryLeaseStore {
  const { nowMs } = options;
  const mounts = createMemoryMounts();
  /** Outlives the mounts, as keys with an expiry do. */
  const idempotent = new Map<string, { readonly id: string; readonly untilMs: number }>();
  const events: MemoryLeaseEvent[] = [];
  const wakeups = createMemoryWakeups(nowMs);
  const { run, breakNext } = createCallBreaker<keyof LeaseStore>("lease store");

  const leaseOf = (ref: LeaseRef) => mounts.find(ref.accessor)?.leases.get(ref.id);
  const leasesOf = (accessor: string) => [...(mounts.find(accessor)?.leases.values() ?? [])];
  const byDueTime = (accessor: string) =>
    leasesOf(accessor).sort((one, other) => one.dueAtMs - other.dueAtMs || compareBytes(one.id, other.id));
  const hasEnded = (ref: LeaseRef): boolean => {
    const endedMs = mounts.find(ref.accessor)?.gone.get(ref.id);
    return endedMs !== undefined && endedMs > nowMs() - goneMemoryMs;
  };
  const raiseEpoch = (accessor: string) => {
    mounts.of(accessor).epoch += 1;
  };
  const addEvent = (
    kind: StoredEvent["kind"],
    { accessor, id }: LeaseRef,
    what: Partial<Pick<StoredEvent, "expiresAtMs" | "state">> = {},
  ) => {
    events.push({ kind, accessor, id });
    const { expiresAtMs, state } = what;
    mounts.of(accessor).log.add({ kind, leaseId: id, atMs: nowMs(), expiresAtMs, state });
  };
  /** Adds the event of a transition of one lease, and raises the epoch. */
  const record = (...event: Parameters<typeof addEvent>) => {
    addEvent(...event);
    raiseEpoch(event[1].accessor);
  };
  /** The lease that a fence gives the right to change. */
  const held = (ref: LeaseRef, fence: string): MemoryLease | undefined => {
    assertFence(fence);
    const lease = leaseOf(ref);
    return lease?.fence === fence ? lease : undefined;
  };

  function claimOne(
    accessor: string,
    claim: Claim,
    options: { readonly fence: string; readonly visibilityMs: number },
  ): ClaimOutcome {
    const lease = leaseOf({ accessor, id: claim.id });
    if (!lease) return { kind: "unknown" };
    const isMine = lease.state === "revoking" && lease.fence === options.fence;
    const isHeld = lease.state === "revoking" && lease.fence !== "" && lease.dueAtMs > nowMs();
    if (!isMine) {
      const isAnothers = claim.kind === "abandoned" && lease.fence !== claim.issuerFence;
      if (isAnothers && lease.state !== "revoking") return { kind: "changed" };
      if (claim.kind === "due" && (lease.dueAtMs !== claim.dueAtMs || lease.dueAtMs > nowMs())) {
        return { kind: "changed" };
      }
      if (isHeld) return { kind: "busy" };
    }
    lease.state = "revoking";
    lease.fence = options.fence;
    reschedule(lease, nowMs() + options.visibilityMs);
    addEvent("claim", lease);
    return { kind: "claimed", lease: snapshot(lease) };
  }

  return {
    events,
    leases: () => [...mounts.all()].flatMap(([accessor]) => leasesOf(accessor).map(snapshot)),
    mountState: (accessor) => mounts.find(accessor)?.state,
    raiseEpoch,
    createWakeups: () => wakeups.create(),
    fireDue() {
      for (const [accessor, mount] of mounts.all()) wakeups.announce(accessor, mount.leases.values());
    },
    fireGap: () => wakeups.fireGap(),
    breakNext,

    nowMs: () => run("nowMs", nowMs),
    begin: (lease) =>
      run("begin", () => {
        assertFence(lease.fence);
        assertSealed(lease.sealed);
        const existing = leaseOf(lease);
        if (existing?.state === "issuing" && existing.fence === lease.fence) return "begun";
        if (existing || hasEnded(lease)) throw new Error(`There is a lease "${lease.id}" already.`);
        const state = mounts.find(lease.accessor)?.state;
        if (state !== "mounted") return state ?? "unmounted";
        if (Math.abs(nowMs() - lease.issuedAtMs) > skewMaxMs) return { skewedNowMs: nowMs() };
        const { idempotency } = lease;
        const remembered = idempotency && idempotent.get(`${lease.accessor}:${idempotency.key}`);
        if (remembered && remembered.untilMs > nowMs() && remembered.id !== idempotency.replacesId) {
          return { existingId: remembered.id };
        }
        const limited = reachedLimit(leasesOf(lease.accessor), lease);
        if (limited) return { limited };
        mounts.of(lease.accessor).leases.set(lease.id, newMemoryLease(lease));
        if (idempotency) {
          const untilMs = nowMs() + Math.floor(idempotency.memoryMs);
          idempotent.set(`${lease.accessor}:${idempotency.key}`, { id: lease.id, untilMs });
        }
        record("begin", lease, { expiresAtMs: Math.floor(lease.expiresAtMs) });
        return "begun";
      }),
    activate: (ref, change) =>
      run("activate", () => {
        assertSealed(change.sealed);
        const lease = held(ref, change.fence);
        if (lease?.state === "active") return "active";
        if (lease?.state !== "issuing" || lease.dueAtMs <= nowMs()) return "lost";
        if (change.expiresAtMs > lease.expiresAtMs) {
          throw new Error(`The lease "${ref.id}" cannot be activated beyond the expiry that it began with.`);
        }
        lease.state = "active";
        lease.sealed = new Uint8Array(change.sealed);
        lease.expiresAtMs = Math.floor(change.expiresAtMs);
        reschedule(lease, change.expiresAtMs);
        record("activate", ref, { expiresAtMs: lease.expiresAtMs });
        return "active";
      }),
    renew: (ref, change) =>
      run("renew", () => {
        if (change.sealed) assertSealed(change.sealed);
        const lease = leaseOf(ref);
        if (!lease) return hasEnded(ref) ? "ended" : "unknown";
        if (lease.state !== "active" || lease.expiresAtMs <= nowMs()) return "ended";
        if (lease.expiresAtMs !== Math.floor(change.expectedExpiresAtMs)) {
          return lease.expiresAtMs === Math.floor(change.expiresAtMs) ? "renewed" : "changed";
        }
        if (change.sealed) lease.sealed = new Uint8Array(change.sealed);
        lease.expiresAtMs = Math.floor(change.expiresAtMs);
        reschedule(lease, change.expiresAtMs);
        record("renew", ref, { expiresAtMs: lease.expiresAtMs });
        return "renewed";
      }),
    reopen: (ref, change) =>
      run("reopen", () => {
        assertFence(change.fence);
        assertSealed(change.sealed);
        const lease = leaseOf(ref);
        if (!lease) return hasEnded(ref) ? "ended" : "unknown";
        if (lease.state === "issuing") return lease.fence === change.fence ? "reopened" : "busy";
        if (lease.state !== "active" || lease.expiresAtMs <= nowMs()) return "ended";
        lease.state = "issuing";
        lease.fence = change.fence;
        lease.sealed = new Uint8Array(change.sealed);
        reschedule(lease, Math.min(nowMs() + change.graceMs, lease.expiresAtMs));
        record("reopen", ref);
        return "reopened";
      }),
    claim: (accessor, claims, claimOptions) =>
      run("claim", () => {
        assertFence(claimOptions.fence);
        // What is asked for twice is judged once.
        const outcomes = new Map<string, ClaimOutcome>();
        for (const claim of claims) {
          if (!outcomes.has(claim.id)) outcomes.set(claim.id, claimOne(accessor, claim, claimOptions));
        }
        if ([...outcomes.values()].some(({ kind }) => kind === "claimed")) raiseEpoch(accessor);
        return claims.map(({ id }) => outcomes.get(id) ?? { kind: "unknown" });
      }),
    disarmed: (ref, change) =>
      run("disarmed", (): FencedOutcome => {
        assertSealed(change.sealed);
        const lease = held(ref, change.fence);
        if (!lease) return "stale";
        lease.state = "revoking";
        lease.sealed = new Uint8Array(change.sealed);
        lease.disarmedAtMs ??= nowMs();
        if ("retryAtMs" in change.next) {
          lease.fence = "";
          reschedule(lease, change.next.retryAtMs);
        }
        record("disarmed", ref);
        return "done";
      }),
    finish: (ref, change) =>
      run("finish", (): FencedOutcome => {
        if (!held(ref, change.fence)) return !leaseOf(ref) && hasEnded(ref) ? "done" : "stale";
        const mount = mounts.of(ref.accessor);
        mount.leases.delete(ref.id);
        mount.gone.set(ref.id, nowMs());
        record(change.isForgotten ? "forget" : "finish", ref);
        return "done";
      }),
    fail: (ref, change) =>
      run("fail", (): FencedOutcome => {
        const lease = held(ref, change.fence);
        if (!lease) return "stale";
        applyFailure(lease, change);
        reschedule(lease, change.retryAtMs);
        record("fail", ref, { state: lease.state });
        return "done";
      }),
    get: (ref) =>
      run("get", () => {
        const lease = leaseOf(ref);
        return lease && snapshot(lease);
      }),
    hasEnded: (ref) => run("hasEnded", () => hasEnded(ref)),
    list: (accessor, page) =>
      run("list", () =>
        leasesOf(accessor)
          .filter((lease) => lease.id.startsWith(page.prefix) && compareBytes(lease.id, page.after) > 0)
          .sort((one, other) => compareBytes(one.id, other.id))
          .slice(0, page.limit)
          .map(snapshot),
      ),
    idsOfCaller: (accessor, caller) =>
      run("idsOfCaller", () =>
        leasesOf(accessor)
          .filter((lease) => lease.caller === caller)
          .map(({ id }) => id),
      ),
    count: (accessor) => run("count", () => countLeases(leasesOf(accessor))),
    countPrefix: (accessor, prefix) =>
      run("countPrefix", () => leasesOf(accessor).filter(({ id }) => id.startsWith(prefix)).length),
    peekDue: (accessor, { limit, touch }) =>
      run("peekDue", () => {
        const byDue = byDueTime(accessor);
        const due = byDue.filter((lease) => lease.dueAtMs <= nowMs()).slice(0, limit);
        // Other servers hear of it after this call is over, as they would from Redis.
        if (touch) queueMicrotask(() => wakeups.announce(accessor, due));
        return {
          due: due.map(({ id, dueAtMs }) => ({ id, dueAtMs })),
          nextDueAtMs: byDue.find((lease) => lease.dueAtMs > nowMs())?.dueAtMs,
          nowMs: nowMs(),
        };
      }),
    dueBetween: (accessor, { fromMs, toMs, limit }) =>
      run("dueBetween", () =>
        byDueTime(accessor)
          .filter(({ state, dueAtMs }) => state === "active" && dueAtMs > fromMs && dueAtMs <= toMs)
          .slice(0, limit)
          .map(snapshot),
      ),
    readEvents: (accessor, range) =>
      run("readEvents", () => mounts.find(accessor)?.log.read(range) ?? createMemoryEventLog().read(range)),
    newestEvent: (accessor) => run("newestEvent", () => mounts.find(accessor)?.log.newest() ?? ""),
    epoch: (accessor) => run("epoch", () => mounts.find(accessor)?.epoch ?? 0),
    setMountState: (accessor, state) =>
      run("setMountState", () => {
        mounts.of(accessor).state = state;
        raiseEpoch(accessor);
      }),
    forgetMount: (accessor) =>
      run("forgetMount", () => {
        if (leasesOf(accessor).length > 0) return false;
        mounts.forget(accessor);
        return true;
      }),
  };
}
