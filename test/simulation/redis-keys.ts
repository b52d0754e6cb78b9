import type { LeaseRef } from "../../src/core/lease.ts";

const prefix = "lh:";

/** Names of the keys that a mount has one of. */
export type MountKey =
  | "due"
  | "ids"
  | "gone"
  | "byState"
  | "byRole"
  | "irrevocable"
  | "events"
  | "epoch"
  | "state"
  | "paths";

/** A key of a mount. */
export const mountKey = (accessor: string, name: MountKey): string => `${prefix}{${accessor}}:${name}`;

/** The key of a lease's record. */
export const leaseKey = ({ accessor, id }: LeaseRef): string => `${prefix}{${accessor}}:lease:${id}`;

/** The key whose expiry gives the event of a lease. */
export const ttlKey = ({ accessor, id }: LeaseRef): string => `${prefix}{${accessor}}:ttl:${id}`;

/** The key of the leases that a caller has. */
export const callerKey = (accessor: string, caller: string): string => `${prefix}{${accessor}}:by:${caller}`;

/** The key that remembers which lease an idempotency key has. */
export const idempotencyKey = (accessor: string, key: string): string => `${prefix}{${accessor}}:idem:${key}`;

/** The key of an entry of a mount. */
export const dataKey = (accessor: string, path: string): string => `${prefix}{${accessor}}:data:${path}`;

/** The key of all mount records. */
export const mountsKey = `${prefix}mounts`;

/** The key of the wrapped data keys. */
export const keyringKey = `${prefix}keyring`;

/** The key of the numbers of values that were sealed, by term. */
export const sealsKey = `${prefix}seals`;

/** The mount of a key made by `ttlKey`; undefined for every other key. */
export function accessorOfTtlKey(key: string): string | undefined {
  return /^lh:\{([^}]+)\}:ttl:/.exec(key)?.[1];
}

/** The lease of a key made by `leaseKey`; undefined for every other key. */
export function refOfLeaseKey(key: string): LeaseRef | undefined {
  const [, accessor, id] = /^lh:\{([^}]+)\}:lease:(.+)$/.exec(key) ?? [];
  return accessor === undefined || id === undefined ? undefined : { accessor, id };
}

/** The key of what operators have noted. */
export const operatorKey = `${prefix}operator`;

/** The mount of the key of its events; undefined for every other key. */
export function accessorOfEventsKey(key: string): string | undefined {
  return /^lh:\{([^}]+)\}:events$/.exec(key)?.[1];
}
