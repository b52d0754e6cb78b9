import type { Barrier } from "./barrier.ts";
import { type LeaseState, leasePath } from "./lease.ts";
import type { StoredEvent, StoredLease } from "./lease-store.ts";
import { viewStoredLease } from "./lease-view.ts";
import type { LeaseEventKind, LeaseEventView } from "./requests.ts";

/** The kinds that a transition is shown as; `fail` depends on where it led to, and the others are the product's own business. */
const kinds: Readonly<Partial<Record<StoredEvent["kind"], LeaseEventKind>>> = {
  activate: "issued",
  renew: "renewed",
  finish: "revoked",
  forget: "forgotten",
};

/** The state that an event leaves a lease in, where the event says. */
const statesAfter: Readonly<Partial<Record<LeaseEventKind, LeaseState>>> = {
  issued: "active",
  renewed: "active",
  irrevocable: "irrevocable",
};

/** The kind that callers see a transition as; undefined for one that they do not see. */
export function kindOf({ kind, state }: Pick<StoredEvent, "kind" | "state">): LeaseEventKind | undefined {
  if (kind === "fail") return state === "irrevocable" ? "irrevocable" : "failed";
  return kinds[kind];
}

/** The lease of an event: as it is stored now where it still is, with what the event itself says. */
export function leaseOfEvent(
  kind: LeaseEventKind,
  event: Pick<StoredEvent, "leaseId" | "expiresAtMs">,
  context: { readonly barrier: Barrier; readonly stored: StoredLease | undefined; readonly nowMs: number },
): LeaseEventView["lease"] {
  const { barrier, stored, nowMs } = context;
  const { leaseId: id } = event;
  const now = stored && viewStoredLease(barrier, stored, nowMs);
  // A stream that lags shows what happened then; the rest of the lease is as it is now.
  const expiresAtMs = event.expiresAtMs ?? now?.expiresAtMs;
  const state = statesAfter[kind] ?? now?.state;
  return {
    ...(now ?? { id, path: leasePath(id) }),
    ...(state === undefined ? {} : { state }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs, ttlLeftMs: Math.max(0, expiresAtMs - nowMs) }),
  };
}
