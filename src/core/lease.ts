import type { SecretIds } from "./backend.ts";
import type { JsonObject } from "./json.ts";

/** Where in its life a lease is. */
export type LeaseState = "issuing" | "active" | "revoking" | "irrevocable";

/** Names one lease: the mount it belongs to, and its id `<request path>/<uuid>`. */
export interface LeaseRef {
  /** Accessor of the mount that issued the lease. */
  readonly accessor: string;
  readonly id: string;
}

/** What is fixed when a lease begins. It is stored sealed, bound to the lease's id and accessor. */
export interface LeaseIdentity {
  readonly id: string;
  /** Full request path, mount included. */
  readonly path: string;
  /** Role that the secret was made for; empty where the backend knows no roles. */
  readonly role: string;
  readonly accessor: string;
  /** Id of the caller that asked for the secret. */
  readonly caller: string;
  /** Name of the backend's secret type, which knows how to revoke. */
  readonly secretType: string;
  readonly issuedAtMs: number;
  /** The first TTL, which a renewal without an increment grants again. */
  readonly ttlMs: number;
  /** The latest expiry that any renewal can reach. */
  readonly maxExpiresAtMs: number;
  /** When the secret was last begun to be made anew; undefined where it never was. */
  readonly reissuedAtMs?: number | undefined;
}

/** A lease as the core works with it: unsealed. */
export interface Lease extends LeaseIdentity {
  readonly state: LeaseState;
  readonly expiresAtMs: number;
  /** When the secret was made useless, where that is done and the clean-up after it is not. */
  readonly disarmedAtMs: number | undefined;
  /** How many attempts to revoke have failed. */
  readonly attempts: number;
  /** Why the last attempt failed; empty where none did. */
  readonly lastError: string;
  readonly isRenewable: boolean;
  /** What the backend needs to revoke; no secret material. */
  readonly handle: JsonObject;
}

/** The id of a new lease: the path that was read, a slash, and the UUID. */
export function leaseId(path: string, uuid: string): string {
  return `${path}/${uuid}`;
}

/** The request path within a lease id: all before the last slash. */
export function leasePath(id: string): string {
  return id.slice(0, Math.max(0, id.lastIndexOf("/")));
}

/** The UUID within a lease id: all after the last slash. */
export function leaseUuid(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1);
}

/** The names that the secret of a lease is made under. */
export function secretIdsOf({ id, accessor, role }: LeaseRef & { readonly role: string }): SecretIds {
  return { leaseUuid: leaseUuid(id), leaseId: id, accessor, role };
}
