import type { CoreError } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import type { MountLeases } from "./mount-leases.ts";
import type { MountStorage } from "./mount-storage.ts";
import type { PathDefinition } from "./path.ts";
import type { TtlSources } from "./ttl.ts";

/** A kind of backend that can be mounted: `aws`, `kv`. */
export interface BackendType {
  /** Name that `Mount` takes. */
  readonly type: string;
  /** What it is, in a sentence. */
  readonly summary: string;
  /** What it is, at length, for `path-help`. */
  readonly description: string;
  /** Assembles the backend of one mount; called once per mount and process, without I/O. */
  create(context: BackendContext): Backend;
}

/** What a backend is given about the mount it serves. */
export interface BackendContext {
  /** Identifier of the mount, never used again after it is gone. */
  readonly accessor: string;
  /** The mount's own entries, sealed on their way to the storage. */
  readonly storage: MountStorage;
  /** How many leases of the mount are live. */
  readonly liveLeases: () => Promise<number>;
  /** How many leases of a role of the mount are live. */
  readonly liveLeasesOf: (role: string) => Promise<number>;
  /** The leases of the mount, for a backend whose secrets can be found at the vendor without them. */
  readonly leases: MountLeases;
}

/** The backend of one mount. */
export interface Backend {
  /** Every path below the mount; the first pattern that matches answers. */
  readonly paths: readonly PathDefinition[];
  /** Every kind of secret that the paths issue, by name. */
  readonly secretTypes: readonly SecretType[];
  /**
   * Work that comes due without a request, such as a rotation. Every server calls it about every ten seconds, never while
   * it observes only; the backend sees to it by its storage that two do not do the same.
   */
  upkeep?(context: { readonly signal: AbortSignal }): Promise<void>;
  /** Frees what the backend holds open. */
  close?(): void;
}

/** Names that a new secret is made under. */
export interface SecretIds {
  /** UUID of the lease, part of its id. */
  readonly leaseUuid: string;
  readonly leaseId: string;
  readonly accessor: string;
  /** Role of the lease. */
  readonly role: string;
}

/** What `create` may know and must respect. */
export interface CreateContext<Input> {
  readonly input: Input;
  /** The names that the secret was planned under. */
  readonly ids: SecretIds;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Once this aborts, no further creating call is sent. */
  readonly signal: AbortSignal;
  /** When `signal` aborts at the latest, in milliseconds since 1970 by this process's clock; absent where nobody can tell. */
  readonly endsAtMs?: number | undefined;
}

/** What came of `create`. */
export interface Created<Handle extends JsonObject> {
  /** Fields for the caller, shown once and kept nowhere. */
  readonly secret: JsonObject;
  /** The planned handle with what only the vendor knew. */
  readonly handle: Handle;
  /** The vendor's own end of the secret, where it is earlier than asked. */
  readonly expiresAtMs?: number;
  /** What the caller is told besides. */
  readonly warnings?: readonly string[];
}

/** What `renew` may know; times in milliseconds. */
export interface RenewContext {
  /** The new end of the lease. */
  readonly expiresAtMs: number;
  /**
   * The end that the vendor was told with the handle; absent where another renewal may have told it something else since, so
   * that what the handle says of the vendor's own end is not to be relied on.
   */
  readonly toldExpiresAtMs?: number | undefined;
  /** TTL that the lease was issued with. */
  readonly ttlMs: number;
  readonly signal: AbortSignal;
}

/** What `reissue` may know. */
export interface ReissueContext<Input> {
  /** Once this aborts, no further creating call is sent. */
  readonly signal: AbortSignal;
  /** When `signal` aborts at the latest, in milliseconds since 1970 by this process's clock; absent where nobody can tell. */
  readonly endsAtMs?: number | undefined;
  /** What the repeated request comes to; absent where that is for another secret type than the lease has. */
  readonly input?: Input | undefined;
}

/** What `destroy` may know. */
export interface DestroyContext<Handle extends JsonObject> {
  /** Settles when `disarm` has; what needs the secret to be useless first waits for it. */
  readonly disarmed: Promise<void>;
  /** Ends the attempt; the lease is then due again later. */
  readonly signal: AbortSignal;
  /** Now, by the store's clock. */
  readonly nowMs: number;
  /** The latest time at which a creating call of this lease can have been sent. */
  readonly createsEndedAtMs: number;
  /**
   * Stores what the handle is now, before the next call: an attempt that follows a crash starts from it, and does
   * not disarm again. So it waits for `disarmed`, and rejects where that does, or when somebody else works on the
   * lease by now.
   */
  checkpoint(handle: Handle): Promise<void>;
  /** Tells whoever asked for the revocation something besides; absent where nobody did. */
  warn?(warning: string): void;
}

/** A shorter form of a handle: a million leases lie in memory with theirs, and only the backend knows what is usual in it. */
export interface HandlePacking<Handle extends JsonObject> {
  pack(handle: Handle): JsonObject;
  /** Undoes `pack`; a handle that was never packed, such as that of a lease that the backend adopted, stays as it is. */
  unpack(stored: JsonObject): Handle;
}

/**
 * How a kind of secret is made and unmade. Every method but `plan` may be
 * called again after a crash or a lost reply, and then does what is left.
 */
export interface SecretTypeDefinition<Input, Handle extends JsonObject> {
  /** Name that is stored with the lease. */
  readonly name: string;
  /** How a handle is stored; absent where it is short enough as it is. */
  readonly packing?: HandlePacking<Handle>;
  /** Names what will exist, purely: it is stored before anything is made. */
  plan(input: Input, ids: SecretIds): Handle;
  /** Makes the secret. Rejects with `NothingCreated` where it is certain that nothing exists. */
  create(handle: Handle, context: CreateContext<Input>): Promise<Created<Handle>>;
  /** Moves the vendor's own expiry; absent where leases of this type cannot be renewed. Resolves to a changed handle, if any. */
  renew?(handle: Handle, context: RenewContext): Promise<Handle | undefined>;
  /**
   * What is stored before a secret is made anew: it must name whatever can exist from then on, the earlier secret and the
   * next. Absent, with `reissue`, where a lost secret cannot be made anew.
   */
  planReissue?(handle: Handle): Handle;
  /** Makes the secret of a live lease anew, from what `planReissue` has answered: the earlier one is deleted first. */
  reissue?(handle: Handle, context: ReissueContext<Input>): Promise<Created<Handle>>;
  /** What a person has to look after when the lease is forgotten instead of revoked, a sentence each, with names and no secrets. */
  leftBehind?(handle: Handle, context: { readonly isDisarmed: boolean }): readonly string[];
  /**
   * The one step that makes the secret useless. Rejects with `Throttled` where it was not tried for the vendor's limits, and
   * with another `RetryLater` where the vendor finds nothing to disarm: `destroy` then judges whether that can be believed.
   */
  disarm?(handle: Handle, context: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Everything else. Rejects with `RetryLater` where the vendor needs time and nothing went wrong. What it rejects
   * with is what is recorded and decides when the next attempt is: a failure of `disarm` included, which it passes on.
   */
  destroy(handle: Handle, context: DestroyContext<Handle>): Promise<void>;
}

/** A secret type with the types of its input and handle erased, as the core keeps it in a table. */
export type SecretType = SecretTypeDefinition<unknown, JsonObject>;

/** What a path handler answers to have a secret issued. */
export interface Issue {
  readonly secretType: string;
  /** Role of the lease; empty where the backend knows no roles. */
  readonly role: string;
  /** Passed to `plan` and `create` as it is. */
  readonly input: unknown;
  /** What the request, the role and the backend say about TTLs. */
  readonly ttl: TtlSources;
  /** True grants a TTL as it is, for what costs no vendor anything when it ends; false, unless told, spreads it a little. */
  readonly isTtlExact?: boolean;
  /** How many leases of the role may live at the same time; undefined means no limit. */
  readonly maxLeases?: number | undefined;
}

/** A secret type, and the way to ask for one with its input checked by the compiler. */
export interface DefinedSecretType<Input> {
  readonly type: SecretType;
  issue(request: Omit<Issue, "secretType" | "input"> & { readonly input: Input }): Issue;
}

/**
 * Defines a secret type. The types are erased here and nowhere else: `issue`
 * is the only source of inputs, and `plan` and its successors of handles.
 */
export function defineSecretType<Input, Handle extends JsonObject>(
  definition: SecretTypeDefinition<Input, Handle>,
): DefinedSecretType<Input> {
  return {
    type: definition as unknown as SecretType,
    issue: (request) => ({ secretType: definition.name, ...request }),
  };
}

/** Thrown by `create` where the vendor's refusal makes it certain that nothing exists and nothing will. */
export class NothingCreated extends Error {
  /** What the caller is told. */
  readonly reason: CoreError;

  constructor(reason: CoreError) {
    super(reason.message, { cause: reason });
    this.name = "NothingCreated";
    this.reason = reason;
  }
}

/** Thrown by `disarm` and `destroy` where the vendor asks for time, such as for propagation: uses no attempt. */
export class RetryLater extends Error {
  /** What is recorded with the lease, and told to a caller who waits. */
  readonly reason: CoreError;
  /** How long to wait, in milliseconds. */
  readonly afterMs: number;

  constructor(reason: CoreError, afterMs: number) {
    super(reason.message, { cause: reason });
    this.name = "RetryLater";
    this.reason = reason;
    this.afterMs = afterMs;
  }
}

/** Thrown by `disarm` and `destroy` where the vendor limits the rate of calls. What can wait then does, for what cannot. */
export class Throttled extends RetryLater {
  constructor(reason: CoreError, afterMs: number) {
    super(reason, afterMs);
    this.name = "Throttled";
  }
}
