import type { LeaseState } from "../../src/core/lease.ts";
import type {
  FailedAttempt,
  LeaseCounts,
  LeaseLimit,
  NewLease,
  StoredLease,
} from "../../src/core/lease-store.ts";

const errorCharactersMax = 200;

/** A record as it can be changed. `isAnnounced` stands for an expired TTL key: nobody hears of it a second time. */
export type MemoryLease = { -readonly [K in keyof StoredLease]: StoredLease[K] } & {
  role: string;
  caller: string;
  isAnnounced: boolean;
};

/** A record as `begin` stores it. */
export function newMemoryLease(lease: NewLease): MemoryLease {
  const { accessor, id, role, caller, fence, isRenewable } = lease;
  const expiresAtMs = Math.floor(lease.expiresAtMs);
  const sealed = new Uint8Array(lease.sealed);
  const fixed = { accessor, id, role, caller, fence, isRenewable, expiresAtMs, sealed };
  const initial = { state: "issuing" as LeaseState, attempts: 0, lastError: "" };
  const unset = { disarmedAtMs: undefined, backoffEndsAtMs: undefined };
  return { ...fixed, ...initial, ...unset, dueAtMs: Math.floor(lease.graceEndsAtMs), isAnnounced: false };
}

/** Makes a record due, which is told anew. */
export function reschedule(lease: MemoryLease, dueAtMs: number): void {
  lease.dueAtMs = Math.floor(dueAtMs);
  lease.isAnnounced = false;
}

/** Changes a record as `fail` does, but for its due time. */
export function applyFailure(lease: MemoryLease, attempt: FailedAttempt): void {
  lease.state = attempt.isIrrevocable ? "irrevocable" : "revoking";
  lease.fence = "";
  lease.lastError = [...attempt.error].slice(0, errorCharactersMax).join("");
  if (!attempt.usesAttempt) return;
  lease.attempts += 1;
  lease.backoffEndsAtMs = Math.floor(attempt.retryAtMs);
}

/** A copy of a record, as the store shows it. */
export function snapshot(record: MemoryLease): StoredLease {
  const { role: _role, caller: _caller, isAnnounced: _isAnnounced, ...lease } = record;
  return { ...lease, sealed: new Uint8Array(lease.sealed) };
}

/** Counts records by state and by role. */
export function countLeases(leases: Iterable<MemoryLease>): LeaseCounts {
  const byState: Partial<Record<LeaseState, number>> = {};
  const byRole: Record<string, number> = {};
  for (const { state, role } of leases) {
    byState[state] = (byState[state] ?? 0) + 1;
    byRole[role] = (byRole[role] ?? 0) + 1;
  }
  return { byState, byRole };
}

/** The first limit that leaves no room for a new lease of a role, with how many live. */
export function reachedLimit(
  leases: Iterable<MemoryLease>,
  { role, limits = [] }: Pick<NewLease, "role" | "limits">,
): (LeaseLimit & { readonly live: number }) | undefined {
  const all = [...leases];
  const ofRole = all.filter((lease) => lease.role === role);
  const counted = limits.map(({ of, max }) => ({ of, max, live: (of === "mount" ? all : ofRole).length }));
  return counted.find(({ max, live }) => live >= max);
}
