import type { Barrier } from "./barrier.ts";
import type { JsonObject } from "./json.ts";
import { type Lease, type LeaseIdentity, type LeaseRef, leasePath } from "./lease.ts";
import type { StoredLease } from "./lease-store.ts";
import type { Place } from "./place.ts";
import { decodeSealedFields, encodeSealedFields, sealedFieldsSchema } from "./sealed-fields.ts";

/** Id and accessor are not stored again: they are authenticated, so a record under another key does not open. */
const place = ({ accessor, id }: LeaseRef): Place => ({
  key: `lease:${accessor}:${id}`,
  field: "sealed",
  schema: sealedFieldsSchema,
});

/** Seals what is fixed about a lease together with its handle, bound to its id and its mount. */
export function sealLease(barrier: Barrier, identity: LeaseIdentity, handle: JsonObject): Uint8Array {
  return barrier.seal(encodeSealedFields(identity.id, { ...identity, handle }), place(identity));
}

/**
 * Opens a stored lease. Throws `BarrierError` where the sealed part was
 * changed, or belongs to another lease. An expiry past the sealed maximum, which only a
 * forger can have written, is taken as the maximum.
 */
export function openLease(barrier: Barrier, stored: StoredLease): Lease {
  const { accessor, id } = stored;
  const fields = decodeSealedFields(id, barrier.open(stored.sealed, place(stored)));
  return {
    id,
    path: leasePath(id),
    accessor,
    ...fields,
    state: stored.state,
    expiresAtMs: Math.min(stored.expiresAtMs, fields.maxExpiresAtMs),
    disarmedAtMs: stored.disarmedAtMs,
    attempts: stored.attempts,
    lastError: stored.lastError,
    isRenewable: stored.isRenewable,
  };
}
