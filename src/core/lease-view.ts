import { type Barrier, BarrierError } from "./barrier.ts";
import { type Lease, leasePath } from "./lease.ts";
import type { StoredLease } from "./lease-store.ts";
import type { LeaseView } from "./requests.ts";
import { openLease } from "./sealed-lease.ts";

/** A lease with what it has left. */
export function viewLease(lease: Lease, nowMs: number): LeaseView {
  return { ...lease, ttlLeftMs: Math.max(0, lease.expiresAtMs - nowMs) };
}

/**
 * A stored lease as callers see it. A record that does not open is shown by
 * what is in the clear, so that one that was tampered with neither hides nor hides the others.
 */
export function viewStoredLease(barrier: Barrier, stored: StoredLease, nowMs: number): LeaseView {
  try {
    return viewLease(openLease(barrier, stored), nowMs);
  } catch (error) {
    if (!(error instanceof BarrierError)) throw error;
    const { sealed: _sealed, dueAtMs: _dueAtMs, fence: _fence, ...clear } = stored;
    const { id, expiresAtMs } = stored;
    const unknown = { role: "", caller: "", secretType: "", ttlMs: 0, handle: {}, isRenewable: false };
    const times = { issuedAtMs: expiresAtMs, maxExpiresAtMs: expiresAtMs };
    const lastError = "The stored record does not open: it was changed, or belongs to another lease.";
    return viewLease({ ...clear, ...unknown, ...times, path: leasePath(id), lastError }, nowMs);
  }
}
