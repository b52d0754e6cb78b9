import type { AuditOperations } from "./audit/audit-operations.ts";
import type { JsonObject } from "./json.ts";
import type { KeyringOperations } from "./keyring-operations.ts";
import type { Lease, LeaseState } from "./lease.ts";
import type { PeerCertificate } from "./path.ts";
import type { PolicyOperations } from "./policy/policy-operations.ts";
import type { TokenOperations } from "./tokens/token-view.ts";

/** A lease, and how long it has left, in milliseconds: never below zero. */
export interface LeaseView extends Lease {
  readonly ttlLeftMs: number;
}

/** Settings of a mount, times in milliseconds; what is undefined is not set. */
export interface MountTuning {
  readonly defaultTtlMs?: number;
  readonly maxTtlMs?: number;
  /** How many leases may live at the same time. */
  readonly maxLeases?: number;
}

/** A mount as callers see it. */
export interface MountView {
  readonly path: string;
  readonly type: string;
  readonly accessor: string;
  readonly description: string;
  readonly tuning: MountTuning;
  readonly state: "mounted" | "unmounting";
  readonly createdAtMs: number;
}

/** What a read or a write answers. */
export interface SecretReply {
  readonly data: JsonObject | undefined;
  readonly lease: LeaseView | undefined;
  readonly warnings: readonly string[];
}

/** Help for one operation, field or path; see `PathHelp`. */
export interface OperationHelp {
  readonly name: string;
  readonly summary: string;
}

/** Help for one field. */
export interface FieldHelp {
  readonly name: string;
  readonly type: string;
  readonly description: string;
  readonly defaultText: string;
  readonly isRequired: boolean;
  readonly isInPath: boolean;
  /** Names of the operations that take it. */
  readonly operations: readonly string[];
}

/** Help for a mount (`paths`) or a path (`operations` and `fields`). */
export interface PathHelp {
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly operations: readonly OperationHelp[];
  readonly fields: readonly FieldHelp[];
  readonly paths: readonly { readonly pattern: string; readonly summary: string }[];
}

/** What happened to a lease; `gap` says that events were lost, and has no lease. */
export type LeaseEventKind =
  | "issued"
  | "renewed"
  | "expiringSoon"
  | "revoked"
  | "failed"
  | "irrevocable"
  | "forgotten"
  | "gap";

/** An event as callers see it. A lease that is gone has its id and its path, and the times that are still known. */
export interface LeaseEventView {
  readonly kind: LeaseEventKind;
  readonly lease: (Pick<LeaseView, "id" | "path"> & Partial<LeaseView>) | undefined;
  readonly resumeToken: string;
  readonly occurredAtMs: number;
}

/** Whether this server revokes what is due, or only observes, and why. */
export interface OperatorStatus {
  readonly isObserveOnly: boolean;
  readonly reasons: readonly string[];
  readonly observingSinceMs: number | undefined;
  /** How many leases are due and left alone, and the ids of some of them, at most 100. */
  readonly wouldRevoke: number;
  readonly wouldRevokeIds: readonly string[];
}

/**
 * Everything that can be asked of the product: input and output of each
 * operation. `handle` is the only way in.
 */
export interface Operations extends TokenOperations, PolicyOperations, KeyringOperations, AuditOperations {
  readonly mount: {
    readonly input: {
      readonly type: string;
      readonly path: string;
      readonly description: string;
      readonly tuning: MountTuning;
    };
    readonly output: MountView;
  };
  readonly unmount: {
    readonly input: { readonly path: string };
    readonly output: {
      readonly revoked: number;
      readonly pending: number;
      readonly left: readonly LeaseView[];
    };
  };
  readonly listMounts: { readonly input: Record<never, never>; readonly output: readonly MountView[] };
  /** A tuning of 0 ms takes a setting away; undefined leaves it. */
  readonly tuneMount: {
    readonly input: {
      readonly path: string;
      readonly description: string | undefined;
      readonly tuning: MountTuning;
    };
    readonly output: MountView;
  };
  readonly read: {
    readonly input: {
      readonly path: string;
      readonly data: JsonObject;
      /** Names this read for its caller; see `ReadRequest`. Empty and undefined mean none. */
      readonly idempotencyKey?: string;
    };
    readonly output: SecretReply;
  };
  readonly write: {
    readonly input: { readonly path: string; readonly data: JsonObject };
    readonly output: SecretReply;
  };
  readonly list: {
    readonly input: { readonly path: string };
    readonly output: { readonly keys: readonly string[] };
  };
  readonly delete: {
    readonly input: { readonly path: string };
    readonly output: { readonly warnings: readonly string[] };
  };
  readonly help: { readonly input: { readonly path: string }; readonly output: PathHelp };
  readonly lookupLease: { readonly input: { readonly leaseId: string }; readonly output: LeaseView };
  readonly listLeases: {
    readonly input: {
      readonly prefix: string;
      readonly pageSize: number;
      readonly pageToken: string;
      readonly states: readonly LeaseState[];
    };
    readonly output: { readonly leases: readonly LeaseView[]; readonly nextPageToken: string };
  };
  readonly renewLease: {
    readonly input: { readonly leaseId: string; readonly incrementMs: number | undefined };
    readonly output: { readonly lease: LeaseView; readonly warnings: readonly string[] };
  };
  readonly revokeLease: {
    readonly input: { readonly leaseId: string };
    readonly output: { readonly warnings: readonly string[] };
  };
  readonly revokePrefix: {
    readonly input: { readonly prefix: string };
    readonly output: { readonly revoked: number; readonly pending: number };
  };
  readonly countLeases: {
    readonly input: { readonly prefix: string };
    readonly output: {
      readonly byState: Readonly<Partial<Record<LeaseState, number>>>;
      readonly total: number;
    };
  };
  /** Attempts at once to revoke a lease that is being revoked, or is irrevocable. Throws `LEASE_ACTIVE` for another. */
  readonly retryLease: {
    readonly input: { readonly leaseId: string };
    readonly output: { readonly warnings: readonly string[] };
  };
  /** Drops the record of a lease that is being revoked, or is irrevocable. Throws `NEEDS_FORCE`, saying what would be left, `LEASE_ACTIVE`. */
  readonly forgetLease: {
    readonly input: { readonly leaseId: string; readonly isForced: boolean };
    readonly output: { readonly leftBehind: readonly string[] };
  };
  /** Resolves once it watches; the events end when the context's signal aborts. */
  readonly watchLeases: {
    readonly input: { readonly prefix: string; readonly resumeToken: string };
    readonly output: AsyncIterable<LeaseEventView>;
  };
  readonly operatorStatus: { readonly input: Record<never, never>; readonly output: OperatorStatus };
  readonly operatorResume: {
    readonly input: Record<never, never>;
    readonly output: { readonly due: number };
  };
}

/** Names of the operations. */
export type OperationName = keyof Operations;

/** What comes with every request besides its input. */
export interface RequestContext {
  /** The token as it was sent; undefined where there was none. */
  readonly token: string | undefined;
  /** Aborts when the caller hangs up (reason: `CoreError` `CANCELLED`) or the deadline passes (`DEADLINE_EXCEEDED`). */
  readonly signal: AbortSignal;
  /** When the deadline passes, in milliseconds since 1970 by this process's clock. */
  readonly deadlineMs: number;
  /** Address of the peer, for the log. */
  readonly peer: string;
  /** The certificate that the peer proved to hold; undefined where it showed none. */
  readonly peerCertificate?: PeerCertificate | undefined;
  /** Identifies the request in the log and in internal errors. */
  readonly requestId: string;
}

/** The single way in: authenticates, authorizes, routes, leases, and records each request. */
export type Handle = <Name extends OperationName>(
  operation: Name,
  input: Operations[Name]["input"],
  context: RequestContext,
) => Promise<Operations[Name]["output"]>;
