import type { LeaseRef } from "../../src/core/lease.ts";
import type { AwsAccount, AwsUser } from "./aws-account.ts";
import type { LeaseRecord } from "./lease-transitions.ts";
import type { ModelRedis, Transaction } from "./model-redis.ts";
import { leaseKey, refOfLeaseKey } from "./redis-keys.ts";

/** A lease whose secret a caller holds. */
export interface Told {
  readonly ref: LeaseRef;
  /** What the read was, for one who repeats it. */
  readonly path: string;
  readonly idempotencyKey: string | undefined;
  keyId: string;
  /** As the caller was told, by the storage's clock. */
  expiresAtMs: number;
  readonly maxExpiresAtMs: number;
  /** True once somebody asked for something that ends this lease or this key, answered or not. */
  mayEnd: boolean;
  /** How many renewals were sent, and how many of them are not answered yet. */
  renewals: number;
  renewalsUnderWay: number;
  /** True once a caller was told that it is revoked. */
  isOver: boolean;
}

/** A lease as it began. */
export interface Begun {
  readonly ref: LeaseRef;
  /** By the storage's clock. */
  readonly atMs: number;
}

/** What is known about a run besides what the stores hold: what callers were told and asked for, and what faults excuse. */
export interface Ledger {
  readonly told: ReadonlyMap<string, Told>;
  readonly begun: ReadonlyMap<string, Begun>;
  addTold(told: Told): void;
  /** Somebody asks for the end of everything under a prefix. */
  ask(prefix: string): void;
  /** Whether somebody asked for the end of a lease, or of its key. */
  isAsked(id: string): boolean;
  /** The lease that a user was named for; undefined where none such ever began. */
  refOf(user: AwsUser): LeaseRef | undefined;
  /** The record as it is stored now. */
  recordOf(ref: LeaseRef): LeaseRecord | undefined;
  /** Whether the storage lost something about a lease that it had acknowledged. */
  isTainted(id: string): boolean;
  /** Whether the storage lost the very beginning of a lease: only the guard ends it then. */
  isOrphan(id: string): boolean;
  /** How far the storage's clock has been moved, in all. */
  clockSlackMs: number;
}

/** An asking covers what begins a little later: what it set in motion may still be going on. */
const askReachMs = 120_000;

/** Makes a ledger that listens to the storage. */
export function createLedger(options: {
  readonly redis: ModelRedis;
  readonly account: AwsAccount;
  readonly nowMs: () => number;
}): Ledger {
  const { redis, nowMs } = options;
  const told = new Map<string, Told>();
  const begun = new Map<string, Begun & { readonly trueMs: number }>();
  const refs = new Map<string, LeaseRef>();
  const asks: { readonly prefix: string; readonly atMs: number }[] = [];
  const tainted = new Set<string>();
  const orphans = new Set<string>();

  redis.onTransaction(({ name, ref }) => {
    if (name !== "begin" || !ref) return;
    begun.set(ref.id, { ref: { accessor: ref.accessor, id: ref.id }, atMs: redis.nowMs(), trueMs: nowMs() });
    refs.set(ref.id.slice(-36).replaceAll("-", ""), ref);
  });
  redis.onLost((lost) => {
    for (const transaction of lost) {
      if (!transaction.isAcknowledged) continue;
      for (const id of leasesOf(transaction)) {
        if (transaction.name === "begin") orphans.add(id);
        tainted.add(id);
      }
    }
  });

  return {
    told,
    begun,
    clockSlackMs: 0,
    addTold: (lease) => void told.set(lease.ref.id, lease),
    ask: (prefix) => void asks.push({ prefix, atMs: nowMs() }),
    isAsked: (id) => {
      if (told.get(id)?.mayEnd) return true;
      const beganMs = begun.get(id)?.trueMs ?? 0;
      return asks.some(({ prefix, atMs }) => id.startsWith(prefix) && beganMs <= atMs + askReachMs);
    },
    refOf: ({ name }) => refs.get(name.slice(-32)),
    recordOf: (ref) => redis.keys.values.get(leaseKey(ref))?.value as LeaseRecord | undefined,
    isTainted: (id) => tainted.has(id),
    isOrphan: (id) => orphans.has(id),
  };
}

function leasesOf({ commands }: Transaction): readonly string[] {
  return commands.flatMap(({ key }) => refOfLeaseKey(key)?.id ?? []);
}
