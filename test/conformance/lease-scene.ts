import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import type { LeaseRef } from "../../src/core/lease.ts";
import type {
  ClaimOutcome,
  FailedAttempt,
  FencedOutcome,
  LeaseStore,
  NewLease,
  RenewOutcome,
  StoredEvent,
} from "../../src/core/lease-store.ts";

/** An hour, the TTL of a scene's leases. */
export const hourMs = 3_600_000;

/** A lease store under test, empty, and how its time passes. */
export interface LeaseStoreUnderTest {
  readonly store: LeaseStore;
  /** Resolves when the store's time is past `atMs`, which is at most a second ahead. */
  passTo(atMs: number): Promise<void>;
}

/** What the conformance tests of a lease store play in: one fresh mount, and the moves on its leases. */
export interface LeaseScene {
  readonly store: LeaseStore;
  readonly accessor: string;
  /** The store's time when the test began. */
  readonly nowMs: number;
  /** Sets the scene anew for each test. */
  reset(made: LeaseStoreUnderTest): Promise<void>;
  passTo(atMs: number): Promise<void>;
  newLease(changes?: Partial<NewLease>): NewLease;
  begin(changes?: Partial<NewLease>): Promise<NewLease>;
  /** Begins a lease and makes it active. */
  issue(changes?: Partial<NewLease>): Promise<NewLease>;
  request(ref: LeaseRef, fence: string, visibilityMs?: number): Promise<ClaimOutcome | undefined>;
  claimDue(ref: LeaseRef, dueAtMs: number, fence: string): Promise<ClaimOutcome | undefined>;
  fail(ref: LeaseRef, fence: string, changes?: Partial<FailedAttempt>): Promise<FencedOutcome>;
  finish(ref: LeaseRef, fence: string): Promise<FencedOutcome>;
  /** Moves the expiry from what it is now, unless another one is expected. */
  renew(
    ref: LeaseRef,
    change: Partial<Parameters<LeaseStore["renew"]>[1]> & { readonly expiresAtMs: number },
  ): Promise<RenewOutcome>;
  reopen(ref: LeaseRef, fence: string, graceMs?: number): ReturnType<LeaseStore["reopen"]>;
  /** Every event of the mount, in order. */
  events(): Promise<readonly StoredEvent[]>;
}

/**
 * The same store, to which a lease of the scene's time is never off by more than it takes: on a busy machine a test is
 * still at its first lines when that time is more than a second ago. It begins the lease with the store's own time, then,
 * like the core. Any other time is meant, and stays.
 */
function withoutSkew(store: LeaseStore, sceneNowMs: () => number): LeaseStore {
  return {
    ...store,
    async begin(lease) {
      let outcome = await store.begin(lease);
      for (let triesLeft = lease.issuedAtMs === sceneNowMs() ? 5 : 0; triesLeft > 0; triesLeft--) {
        if (typeof outcome !== "object" || !("skewedNowMs" in outcome)) break;
        outcome = await store.begin({ ...lease, issuedAtMs: outcome.skewedNowMs });
      }
      return outcome;
    },
  };
}

/** Makes a scene; it has no store before its first `reset`. */
export function createLeaseScene(): LeaseScene {
  let made: LeaseStoreUnderTest | undefined;
  let accessor = "";
  let nowMs = 0;
  const owner = { role: "deploy", caller: "token-1" };
  const store = (): LeaseStore => {
    if (!made) throw new Error("The scene has not been set.");
    return made.store;
  };
  const newLease = (changes: Partial<NewLease> = {}): NewLease => ({
    accessor,
    id: `aws/creds/deploy/${crypto.randomUUID()}`,
    sealed: randomBytes(220),
    ...owner,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + hourMs,
    graceEndsAtMs: nowMs + 300_000,
    isRenewable: true,
    fence: `issuer-${crypto.randomUUID()}`,
    ...changes,
  });
  const begin = async (changes: Partial<NewLease> = {}): Promise<NewLease> => {
    const lease = newLease(changes);
    expect(await store().begin(lease)).toBe("begun");
    return lease;
  };

  return {
    get store() {
      return store();
    },
    get accessor() {
      return accessor;
    },
    get nowMs() {
      return nowMs;
    },
    async reset(next) {
      made = { ...next, store: withoutSkew(next.store, () => nowMs) };
      accessor = `aws_${randomBytes(4).toString("hex")}`;
      await store().setMountState(accessor, "mounted");
      nowMs = await store().nowMs();
    },
    passTo: async (atMs) => made?.passTo(atMs),
    newLease,
    begin,
    async issue(changes) {
      const lease = await begin(changes);
      expect(await store().activate(lease, lease)).toBe("active");
      return lease;
    },
    async request({ id }, fence, visibilityMs = 60_000) {
      return (await store().claim(accessor, [{ kind: "requested", id }], { fence, visibilityMs }))[0];
    },
    async claimDue({ id }, dueAtMs, fence) {
      return (
        await store().claim(accessor, [{ kind: "due", id, dueAtMs }], { fence, visibilityMs: 60_000 })
      )[0];
    },
    fail: (ref, fence, changes = {}) =>
      store().fail(ref, {
        fence,
        error: "AWS is away",
        retryAtMs: nowMs + 30_000,
        usesAttempt: true,
        isIrrevocable: false,
        ...changes,
      }),
    finish: (ref, fence) => store().finish(ref, { fence, ...owner }),
    async renew(ref, change) {
      const expectedExpiresAtMs = change.expectedExpiresAtMs ?? (await store().get(ref))?.expiresAtMs ?? 0;
      return store().renew(ref, { ...change, expectedExpiresAtMs });
    },
    reopen: (ref, fence, graceMs = 60_000) =>
      store().reopen(ref, { fence, graceMs, sealed: new Uint8Array([1, 2, 3]) }),
    events: async () => (await store().readEvents(accessor, { after: "", limit: 100_000 })).events,
  };
}
