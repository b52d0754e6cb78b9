import type { LeaseRef, LeaseState } from "./lease.ts";

/**
 * A lease as it is stored. What the store's transitions write is in the clear;
 * `sealed` holds the identity and the handle, which the store cannot read.
 */
export interface StoredLease extends LeaseRef {
  readonly state: LeaseState;
  /** Identity and handle, sealed by the barrier; at most 2 KiB. */
  readonly sealed: Uint8Array;
  readonly expiresAtMs: number;
  /** When the lease comes due: its expiry, its grace while issuing, its next attempt, or the end of a claim. */
  readonly dueAtMs: number;
  /** Token of whoever works on the lease now; empty where nobody does. */
  readonly fence: string;
  readonly attempts: number;
  /** Until when the wait lasts that the last used attempt called for; undefined where none was used. A claim does not end it. */
  readonly backoffEndsAtMs: number | undefined;
  /** At most 200 characters. */
  readonly lastError: string;
  readonly disarmedAtMs: number | undefined;
  readonly isRenewable: boolean;
}

/** How many leases may live at the same time, of the whole mount or of the new lease's role; an issuing one counts. */
export interface LeaseLimit {
  readonly of: "mount" | "role";
  readonly max: number;
}

/** Makes a repeated `begin` find the lease of the first one. */
export interface Idempotency {
  /** Digest of caller, path and the caller's own key: at most 64 characters. */
  readonly key: string;
  /** How long it is remembered. */
  readonly memoryMs: number;
  /**
   * Id of a lease that is gone: where the key is remembered for exactly this one, it is taken over for the new lease as if it
   * had not been remembered. So of two who repeat at once, one begins and the other finds the new lease.
   */
  readonly replacesId?: string;
}

/** What a new lease starts with. */
export interface NewLease extends LeaseRef {
  /** Checked together with the begin, so that no two servers pass them at once. */
  readonly limits?: readonly LeaseLimit[];
  /** Written together with the begin. */
  readonly idempotency?: Idempotency;
  readonly sealed: Uint8Array;
  readonly role: string;
  readonly caller: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** When the lease is cleaned up if it is not active by then. */
  readonly graceEndsAtMs: number;
  readonly isRenewable: boolean;
  /** Token of the issuer; `activate` is refused once somebody else has claimed the lease. */
  readonly fence: string;
}

/**
 * Answer of `begin`; every answer but `begun` means that nothing was stored. `skewed`: `issuedAtMs` is more than a
 * second off the store's time. `limited`: a limit is reached. `existing`: the same idempotency key has a lease already, which may have ended since.
 */
export type BeginOutcome =
  | "begun"
  | "unmounting"
  | "unmounted"
  | { readonly skewedNowMs: number }
  | { readonly limited: LeaseLimit & { readonly live: number } }
  | { readonly existingId: string };

/** Answer of `activate`. `lost` means that the lease was claimed, or is gone, or its grace has passed. */
export type ActivateOutcome = "active" | "lost";

/** Answer of `renew`. `ended`: the lease is not active or past its expiry. `changed`: somebody else has renewed it meanwhile. */
export type RenewOutcome = "renewed" | "changed" | "ended" | "unknown";

/** Answer of the calls that check a fence: `stale` means that somebody else works on the lease now, or finished it. */
export type FencedOutcome = "done" | "stale";

/** Which leases a claim takes. */
export type Claim =
  /** A lease that is due, found by `peekDue` with this due time; skipped where the due time has changed since. */
  | { readonly kind: "due"; readonly id: string; readonly dueAtMs: number }
  /** A lease in any state that nobody is revoking right now, due or not. */
  | { readonly kind: "requested"; readonly id: string }
  /**
   * The same, by whoever began or reopened it with this fence, and hands its secret to nobody; skipped where somebody else has
   * reopened it since, whose secret is another one.
   */
  | { readonly kind: "abandoned"; readonly id: string; readonly issuerFence: string };

/** What came of one claim. `busy`: another worker holds it; `changed`: it is no longer due, or no longer the abandoner's. */
export type ClaimOutcome =
  | { readonly kind: "claimed"; readonly lease: StoredLease }
  | { readonly kind: "busy" | "changed" | "unknown" };

/** How an attempt to revoke ended badly, and what is next. */
export interface FailedAttempt {
  readonly error: string;
  /** When the next attempt is due. */
  readonly retryAtMs: number;
  /** False for failures that are nobody's fault, such as throttling: the count stays. */
  readonly usesAttempt: boolean;
  /** True moves the lease to `irrevocable`. */
  readonly isIrrevocable: boolean;
}

/** One entry of a mount's events: a transition of a lease. */
export interface StoredEvent {
  /** Where it stands among the events of its mount: the bounds of `readEvents`. */
  readonly position: string;
  readonly kind:
    | "begin"
    | "activate"
    | "renew"
    | "claim"
    | "disarmed"
    | "finish"
    | "forget"
    | "fail"
    | "reopen";
  readonly leaseId: string;
  readonly atMs: number;
  /** Set for `begin`, `activate` and `renew`. */
  readonly expiresAtMs: number | undefined;
  /** Set for `fail`: where it led to. */
  readonly state: LeaseState | undefined;
}

/** Number of leases of a mount. */
export interface LeaseCounts {
  readonly byState: Readonly<Partial<Record<LeaseState, number>>>;
  readonly byRole: Readonly<Record<string, number>>;
}

/** Role and caller of a lease, which the store needs to keep its counts and indexes. */
export interface LeaseIndexing {
  readonly role: string;
  readonly caller: string;
}

/**
 * Where leases are kept: one record, one due set, and one atomic transition a
 * call. Every transition reads and checks first and writes last, is safe to
 * run twice, and leaves the lease due at some time: nothing that is stored can
 * be forgotten. Times are the store's own. Every call rejects with
 * `STORAGE_UNAVAILABLE` when the store cannot be reached or refuses; the
 * outcome is then unknown.
 */
export interface LeaseStore {
  /** The store's time, estimated without a round trip once it is known. */
  nowMs(): Promise<number>;
  /** Stores a lease in state `issuing`, due at the end of its grace, and acknowledges once it is durable. */
  begin(lease: NewLease): Promise<BeginOutcome>;
  /** Makes an issuing lease active and due at its expiry. The expiry may be earlier than begun with, never later. */
  activate(
    ref: LeaseRef,
    change: { readonly fence: string; readonly sealed: Uint8Array; readonly expiresAtMs: number },
  ): Promise<ActivateOutcome>;
  /** Moves the expiry of an active lease. */
  renew(
    ref: LeaseRef,
    change: {
      /** The expiry that the new one was reckoned from; where it is another by now, nothing is changed. */
      readonly expectedExpiresAtMs: number;
      readonly expiresAtMs: number;
      readonly sealed?: Uint8Array;
    },
  ): Promise<RenewOutcome>;
  /**
   * Takes an active lease back into `issuing`, due at the end of a grace or at its expiry, whichever comes first, so that its
   * secret can be made anew and activated. A crash meanwhile ends the lease. Run again with the same fence, it answers the same.
   */
  reopen(
    ref: LeaseRef,
    change: { readonly fence: string; readonly graceMs: number; readonly sealed: Uint8Array },
  ): Promise<"reopened" | "ended" | "busy" | "unknown">;
  /**
   * Takes leases of one mount into `revoking`, due again after `visibilityMs`; answers in the order asked. With 0 ms
   * nobody holds them: they are due at once, to whoever comes first.
   */
  claim(
    accessor: string,
    claims: readonly Claim[],
    options: { readonly fence: string; readonly visibilityMs: number },
  ): Promise<readonly ClaimOutcome[]>;
  /**
   * Records that the secret is useless, with what the handle is now. `keepClaim` goes on with the claim;
   * otherwise the claim ends and the rest is due at `retryAtMs`. Uses no attempt.
   */
  disarmed(
    ref: LeaseRef,
    change: {
      readonly fence: string;
      readonly sealed: Uint8Array;
      readonly next: { readonly keepClaim: true } | { readonly retryAtMs: number };
    },
  ): Promise<FencedOutcome>;
  /**
   * Drops the record and remembers for 24 hours that the id has ended. Accepts the issuer's fence, too. `isForgotten` is told in
   * the event: what the lease stands for may live on.
   */
  finish(
    ref: LeaseRef,
    change: { readonly fence: string; readonly isForgotten?: boolean } & LeaseIndexing,
  ): Promise<FencedOutcome>;
  /**
   * Records a failed attempt, ends the claim, and makes the lease due again. Where it uses an attempt, the back-off ends when the
   * lease is due.
   */
  fail(ref: LeaseRef, change: { readonly fence: string } & FailedAttempt): Promise<FencedOutcome>;
  /** Reads one lease. */
  get(ref: LeaseRef): Promise<StoredLease | undefined>;
  /** Says whether a lease with this id ended within the last 24 hours. */
  hasEnded(ref: LeaseRef): Promise<boolean>;
  /** Reads up to `limit` leases of a mount whose id starts with `prefix` and comes after `after`, in order of id. */
  list(
    accessor: string,
    page: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly StoredLease[]>;
  /** The ids of all leases of a mount that a caller has made, in whatever state, in no order. */
  idsOfCaller(accessor: string, caller: string): Promise<readonly string[]>;
  /** Counts the leases of a mount, in constant time. */
  count(accessor: string): Promise<LeaseCounts>;
  /** Counts the leases of a mount whose id starts with `prefix`, in logarithmic time. */
  countPrefix(accessor: string, prefix: string): Promise<number>;
  /**
   * The leases of a mount that are due now, earliest first, at most `limit`; and when the next one comes due.
   * `touch` makes other servers hear of them as well.
   */
  peekDue(
    accessor: string,
    options: { readonly limit: number; readonly touch: boolean },
  ): Promise<{
    readonly due: readonly { readonly id: string; readonly dueAtMs: number }[];
    readonly nextDueAtMs: number | undefined;
    readonly nowMs: number;
  }>;
  /**
   * The leases of a mount in state `active` that come due after `fromMs` and not after `toMs`, at most `limit`, earliest
   * first.
   */
  dueBetween(
    accessor: string,
    range: { readonly fromMs: number; readonly toMs: number; readonly limit: number },
  ): Promise<readonly StoredLease[]>;
  /**
   * Events of a mount that come after the position `after`, oldest first, at most `limit`; `""` means the very first.
   * Answers at once, also with none. `hasGap`: events between `after` and the first one given were dropped, since only the newest are kept.
   */
  readEvents(
    accessor: string,
    range: { readonly after: string; readonly limit: number },
  ): Promise<{ readonly events: readonly StoredEvent[]; readonly hasGap: boolean }>;
  /** The position of the newest event of a mount; `readEvents` after it gives only what is yet to come. */
  newestEvent(accessor: string): Promise<string>;
  /** A number that every transition of the mount raises; 0 for a mount that is not known. */
  epoch(accessor: string): Promise<number>;
  /** Sets what `begin` checks. `unmounting` is durable when this resolves. */
  setMountState(accessor: string, state: "mounted" | "unmounting"): Promise<void>;
  /** Removes the bookkeeping of a mount; answers false, and removes nothing, while a lease is left. */
  forgetMount(accessor: string): Promise<boolean>;
}

/** What tells a server that a lease may have come due. Only a hint: the due set decides. */
export interface Wakeups {
  /** Calls `onWake` with the accessor of a mount when a lease of it may be due. `onGap` tells that some may have been missed. */
  start(listener: { readonly onWake: (accessor: string) => void; readonly onGap: () => void }): Promise<void>;
  stop(): Promise<void>;
}
