import type { Barrier } from "./barrier.ts";
import type { JsonObject } from "./json.ts";
import { type Lease, type LeaseIdentity, type LeaseRef, leasePath } from "./lease.ts";
import type { StoredLease } from "./lease-store.ts";

const schemaVersion = 1;

type SealedFields = readonly [
  version: number,
  role: string,
  caller: string,
  secretType: string,
  issuedAtMs: number,
  ttlMs: number,
  maxExpiresAtMs: number,
  handle: JsonObject,
];

/** Id and accessor are not stored again: they are authenticated, so a record under another key does not open. */
const place = (ref: LeaseRef): string => `lease:${ref.accessor}:${ref.id}`;

/** Seals what is fixed about a lease together with its handle, bound to its id and its mount. */
export function sealLease(barrier: Barrier, identity: LeaseIdentity, handle: JsonObject): Uint8Array {
  const { role, caller, secretType, issuedAtMs, ttlMs, maxExpiresAtMs } = identity;
  const fields: SealedFields = [
    schemaVersion,
    role,
    caller,
    secretType,
    issuedAtMs,
    ttlMs,
    maxExpiresAtMs,
    handle,
  ];
  return barrier.seal(Buffer.from(JSON.stringify(fields)), place(identity));
}

/**
 * Opens a stored lease. Throws `BarrierError` where the sealed part was
 * changed, or belongs to another lease. An expiry past the sealed maximum, which only a
 * forger can have written, is taken as the maximum.
 */
export function openLease(barrier: Barrier, stored: StoredLease): Lease {
  const { accessor, id } = stored;
  const fields: SealedFields = JSON.parse(Buffer.from(barrier.open(stored.sealed, place(stored))).toString());
  const [version, role, caller, secretType, issuedAtMs, ttlMs, maxExpiresAtMs, handle] = fields;
  if (version !== schemaVersion)
    throw new Error(`Lease ${JSON.stringify(id)} has schema ${version}, not ${schemaVersion}.`);
  return {
    id,
    path: leasePath(id),
    accessor,
    role,
    caller,
    secretType,
    issuedAtMs,
    ttlMs,
    maxExpiresAtMs,
    handle,
    state: stored.state,
    expiresAtMs: Math.min(stored.expiresAtMs, maxExpiresAtMs),
    disarmedAtMs: stored.disarmedAtMs,
    attempts: stored.attempts,
    lastError: stored.lastError,
    isRenewable: stored.isRenewable,
  };
}
