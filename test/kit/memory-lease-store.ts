import { CoreError } from "../../src/core/errors.ts";
import type { LeaseRef } from "../../src/core/lease.ts";
import type {
  Claim,
  ClaimOutcome,
  FencedOutcome,
  LeaseStore,
  StoredLease,
  Wakeups,
} from "../../src/core/lease-store.ts";
import { compareBytes } from "./compare-bytes.ts";
import { applyFailure, countLeases, type MemoryLease, newMemoryLease, snapshot } from "./memory-lease.ts";

const skewMaxMs = 1000;
const goneMemoryMs = 24 * 3600 * 1000;
const sealedBytesMax = 2048;

interface MemoryMount {
  state: "mounted" | "unmounting" | undefined;
  readonly leases: Map<string, MemoryLease>;
  /** When each ended lease ended. */
  readonly gone: Map<string, number>;
}

/** One transition, as the store remembers it for tests to look at. */
export interface MemoryLeaseEvent {
  readonly kind: "begin" | "activate" | "renew" | "claim" | "disarmed" | "finish" | "fail";
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
  const mounts = new Map<string, MemoryMount>();
  const events: MemoryLeaseEvent[] = [];
  const listeners = new Set<Parameters<Wakeups["start"]>[0]>();
  const breaks = new Map<keyof LeaseStore, ("before" | "after")[]>();

  const mountOf = (accessor: string): MemoryMount => {
    const mount = mounts.get(accessor) ?? { state: undefined, leases: new Map(), gone: new Map() };
    mounts.set(accessor, mount);
    return mount;
  };
  const leaseOf = (ref: LeaseRef) => mounts.get(ref.accessor)?.leases.get(ref.id);
  const hasEnded = (ref: LeaseRef): boolean => {
    const endedMs = mounts.get(ref.accessor)?.gone.get(ref.id);
    return endedMs !== undefined && endedMs > nowMs() - goneMemoryMs;
  };
  const record = (kind: MemoryLeaseEvent["kind"], ref: LeaseRef) => {
    events.push({ kind, accessor: ref.accessor, id: ref.id });
  };
  const reschedule = (lease: MemoryLease, dueAtMs: number) => {
    lease.dueAtMs = Math.floor(dueAtMs);
    lease.isAnnounced = false;
  };
  const announce = (accessor: string, leases: Iterable<MemoryLease>) => {
    let isNews = false;
    for (const lease of leases) {
      if (lease.isAnnounced || lease.dueAtMs > nowMs()) continue;
      lease.isAnnounced = true;
      isNews = true;
    }
    if (isNews) for (const listener of listeners) listener.onWake(accessor);
  };
  /** Runs one call to its end without a pause, so that it is atomic, and breaks it where a test asked for that. */
  const run = async <T>(call: keyof LeaseStore, work: () => T): Promise<T> => {
    const when = breaks.get(call)?.shift();
    if (when === "before") throw unavailable(call);
    const result = work();
    if (when === "after") throw unavailable(call);
    return result;
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
      if (claim.kind === "due" && (lease.dueAtMs !== claim.dueAtMs || lease.dueAtMs > nowMs())) {
        return { kind: "changed" };
      }
      if (isHeld) return { kind: "busy" };
    }
    lease.state = "revoking";
    lease.fence = options.fence;
    reschedule(lease, nowMs() + options.visibilityMs);
    record("claim", lease);
    return { kind: "claimed", lease: snapshot(lease) };
  }

  return {
    events,
    leases: () => [...mounts.values()].flatMap((mount) => [...mount.leases.values()].map(snapshot)),
    mountState: (accessor) => mounts.get(accessor)?.state,
    createWakeups() {
      let mine: Parameters<Wakeups["start"]>[0] | undefined;
      return {
        async start(listener) {
          mine = { ...listener };
          listeners.add(mine);
        },
        async stop() {
          if (mine) listeners.delete(mine);
        },
      };
    },
    fireDue() {
      for (const [accessor, mount] of mounts) announce(accessor, mount.leases.values());
    },
    fireGap() {
      for (const listener of listeners) listener.onGap();
    },
    breakNext(call, when, times = 1) {
      breaks.set(call, [...(breaks.get(call) ?? []), ...Array.from({ length: times }, () => when)]);
    },

    nowMs: () => run("nowMs", nowMs),
    begin: (lease) =>
      run("begin", () => {
        assertFence(lease.fence);
        assertSealed(lease.sealed);
        const existing = leaseOf(lease);
        if (existing?.state === "issuing" && existing.fence === lease.fence) return "begun";
        if (existing || hasEnded(lease)) throw new Error(`There is a lease "${lease.id}" already.`);
        const state = mounts.get(lease.accessor)?.state;
        if (state !== "mounted") return state ?? "unmounted";
        if (Math.abs(nowMs() - lease.issuedAtMs) > skewMaxMs) return { skewedNowMs: nowMs() };
        mountOf(lease.accessor).leases.set(lease.id, newMemoryLease(lease));
        record("begin", lease);
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
        record("activate", ref);
        return "active";
      }),
    renew: (ref, change) =>
      run("renew", () => {
        if (change.sealed) assertSealed(change.sealed);
        const lease = leaseOf(ref);
        if (!lease) return hasEnded(ref) ? "ended" : "unknown";
        if (lease.state !== "active" || lease.expiresAtMs <= nowMs()) return "ended";
        if (change.sealed) lease.sealed = new Uint8Array(change.sealed);
        lease.expiresAtMs = Math.floor(change.expiresAtMs);
        reschedule(lease, change.expiresAtMs);
        record("renew", ref);
        return "renewed";
      }),
    claim: (accessor, claims, claimOptions) =>
      run("claim", () => {
        assertFence(claimOptions.fence);
        return claims.map((claim) => claimOne(accessor, claim, claimOptions));
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
        const mount = mountOf(ref.accessor);
        mount.leases.delete(ref.id);
        mount.gone.set(ref.id, nowMs());
        record("finish", ref);
        return "done";
      }),
    fail: (ref, change) =>
      run("fail", (): FencedOutcome => {
        const lease = held(ref, change.fence);
        if (!lease) return "stale";
        applyFailure(lease, change);
        reschedule(lease, change.retryAtMs);
        record("fail", ref);
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
        [...(mounts.get(accessor)?.leases.values() ?? [])]
          .filter((lease) => lease.id.startsWith(page.prefix) && compareBytes(lease.id, page.after) > 0)
          .sort((one, other) => compareBytes(one.id, other.id))
          .slice(0, page.limit)
          .map(snapshot),
      ),
    count: (accessor) => run("count", () => countLeases(mounts.get(accessor)?.leases.values() ?? [])),
    countPrefix: (accessor, prefix) =>
      run(
        "countPrefix",
        () => [...(mounts.get(accessor)?.leases.keys() ?? [])].filter((id) => id.startsWith(prefix)).length,
      ),
    peekDue: (accessor, { limit, touch }) =>
      run("peekDue", () => {
        const byDue = [...(mounts.get(accessor)?.leases.values() ?? [])].sort(
          (one, other) => one.dueAtMs - other.dueAtMs || compareBytes(one.id, other.id),
        );
        const due = byDue.filter((lease) => lease.dueAtMs <= nowMs()).slice(0, limit);
        // Other servers hear of it after this call is over, as they would from Redis.
        if (touch) queueMicrotask(() => announce(accessor, due));
        return {
          due: due.map(({ id, dueAtMs }) => ({ id, dueAtMs })),
          nextDueAtMs: byDue.find((lease) => lease.dueAtMs > nowMs())?.dueAtMs,
          nowMs: nowMs(),
        };
      }),
    setMountState: (accessor, state) =>
      run("setMountState", () => {
        mountOf(accessor).state = state;
      }),
    forgetMount: (accessor) =>
      run("forgetMount", () => {
        if (mounts.get(accessor)?.leases.size) return false;
        mounts.delete(accessor);
        return true;
      }),
  };
}

function assertFence(fence: string): void {
  if (fence === "") throw new Error("A fence cannot be empty: that stands for a lease nobody works on.");
}

function assertSealed(sealed: Uint8Array): void {
  if (sealed.length > sealedBytesMax) {
    throw new Error(`A sealed lease of ${sealed.length} bytes is over the limit of ${sealedBytesMax}.`);
  }
}

function unavailable(call: string): CoreError {
  return new CoreError("STORAGE_UNAVAILABLE", `The test's lease store broke "${call}".`);
}
