/** Key of the hash with all mount records, by mount path. */
export const mountsKey = "lh:mounts";

/** Key of the wrapped data keys. */
export const keyringKey = "lh:keyring";

/** Key of the hash that says how everything else is laid out. */
export const metaKey = "lh:meta";

/** Key of the rate at which a vendor's account is called, by all mounts; it expires by itself. */
export function paceKey(subject: string): string {
  return `lh:pace:${subject}`;
}

/** The bookkeeping of a mount that is one key each; all of it goes when the mount is forgotten. */
const bookkeeping = ["due", "ids", "gone", "count", "irrevocable", "events", "epoch", "state"] as const;

/** Name of a key that a mount has one of. `paths` lists what is under `data`. */
export type MountKeyName = (typeof bookkeeping)[number] | "paths";

/**
 * Key of something that a mount has one of. The braces make all keys of a
 * mount fall into one hash slot of a Redis Cluster, so that a script may touch
 * any of them at once.
 */
export function mountKey(accessor: string, name: MountKeyName): string {
  return `lh:{${accessor}}:${name}`;
}

/** Keys of the bookkeeping of a mount, all but what its leases, callers and entries have. */
export function bookkeepingKeys(accessor: string): readonly string[] {
  return bookkeeping.map((name) => mountKey(accessor, name));
}

/** Key of the record of a lease: a hash, which never expires by itself. */
export function leaseKey(accessor: string, id: string): string {
  return `lh:{${accessor}}:lease:${id}`;
}

/** Key whose expiry tells that a lease is due; it holds nothing of use. */
export function ttlKey(accessor: string, id: string): string {
  return `lh:{${accessor}}:ttl:${id}`;
}

/** Key of the index of the leases that a caller asked for: a hash of buckets, of which `callerEntry` tells. */
export function callerKey(accessor: string, caller: string): string {
  return `lh:{${accessor}}:by:${caller}`;
}

/** Key that remembers which lease an idempotency key stands for; it expires by itself. */
export function idempotencyKey(accessor: string, key: string): string {
  return `lh:{${accessor}}:idem:${key}`;
}

/** Key of an entry of a mount: a role, its configuration, or a KV value. */
export function dataKey(accessor: string, path: string): string {
  return `lh:{${accessor}}:data:${path}`;
}

/** The accessor within a key made by `ttlKey`; undefined for every other key. */
export function accessorOfTtlKey(key: string): string | undefined {
  return /^lh:\{([^}]+)\}:ttl:/.exec(key)?.[1];
}

/**
 * Where in lexical order the texts with a prefix begin and end, as ZRANGEBYLEX
 * takes it; with `after`, only those beyond that text. The byte 0xff stands
 * beyond every continuation, since UTF-8 never has it.
 */
export function lexicalRange(prefix: string, after = ""): { readonly min: Buffer; readonly max: Buffer } {
  const isAfter = after !== "" && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0;
  const lowest = prefix === "" ? "-" : `[${prefix}`;
  return {
    min: Buffer.from(isAfter ? `(${after}` : lowest),
    max: prefix === "" ? Buffer.from("+") : Buffer.concat([Buffer.from(`(${prefix}`), Buffer.from([0xff])]),
  };
}
