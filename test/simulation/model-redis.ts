import type { LeaseRef } from "../../src/core/lease.ts";
import type { Faults } from "./faults.ts";
import type { Random } from "./random.ts";
import { type Command, createKeyspace, type Keyspace } from "./redis-keyspace.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Trace } from "./trace.ts";

/**
 * How much a Redis keeps when it goes down: all that it has answered (AOF `always`), what is up to a second old
 * (`everysec`), what its replica has by then, or what `WAIT` was told that the replica has.
 */
export type Durability = "always" | "everysec" | "replica" | "replica with WAIT";

/** One transition or write, which happened as a whole. */
export interface Transaction {
  readonly name: string;
  /** The lease that it is about, if any. */
  readonly ref: LeaseRef | undefined;
  readonly commands: readonly Command[];
  /** When it survives the loss of the server, in true time. */
  readonly safeAtMs: number;
  /** Whether the process that asked was told that it is done. */
  isAcknowledged: boolean;
}

/** What a transaction works on: reads see what it wrote. */
export interface RedisAccess {
  readonly keys: Keyspace;
  /** Redis's time. */
  readonly nowMs: number;
  /** How many events of a mount are kept. */
  readonly eventsMax: number;
  write(command: Command): void;
  /** Looks at a key with an expiry, which makes Redis find that it has expired. */
  touch(key: string): void;
}

/** What hears of expired keys on one connection. */
export type Subscriber = (key: string) => void;

/** A Redis server, seen from outside of all processes. */
export interface ModelRedis {
  readonly durability: Durability;
  readonly isUp: boolean;
  /** Redis's time, which is true time but for jumps. */
  nowMs(): number;
  readonly keys: Keyspace;
  /** Runs a transaction at this moment. */
  transact<T>(
    name: string,
    ref: LeaseRef | undefined,
    work: (access: RedisAccess) => T,
  ): { readonly result: T; readonly transaction: Transaction };
  /** Goes down, and comes back after `downMs` with what was safe. */
  crash(downMs: number): void;
  /** Copies what is stored now, to be restored later. */
  backUp(): void;
  /** Goes down, and comes back after `downMs` as it was backed up; not where it is down, or was never backed up. */
  restore(downMs: number): boolean;
  /** How often it went down: what was sent to an earlier run of it reaches no later one. */
  readonly crashes: number;
  jumpClock(ms: number): void;
  /** Drops some keys that only serve to give events, as an eviction of volatile keys does. */
  evictEventKeys(): void;
  subscribe(subscriber: Subscriber): () => void;
  /** Tells when it went down; every connection is lost then. */
  onDown(listener: () => void): void;
  /** Tells of transactions that are lost for good, and of every record that one of them left behind otherwise than before. */
  onLost(listener: (lost: readonly Transaction[]) => void): void;
  /** Tells when it is back as it was backed up, after what is lost was told. */
  onRestored(listener: () => void): void;
  /** Tells of every transaction. */
  onTransaction(listener: (transaction: Transaction) => void): void;
}

/** Makes a Redis that is up and empty. */
export function createModelRedis(options: {
  readonly durability: Durability;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: Faults;
  readonly trace: Trace;
  /** How many events of a mount are kept, or so; 10,000 unless told. */
  readonly eventsMax?: number;
}): ModelRedis {
  const { eventsMax = 10_000, durability, scheduler, random, faults, trace } = options;
  let keys = createKeyspace();
  /** What would survive the loss of the server, but for `journal`. */
  let safe = createKeyspace();
  let journal: Transaction[] = [];
  let backup: { readonly keys: Keyspace; readonly since: Transaction[] } | undefined;
  let crashes = 0;
  let isUp = true;
  let offsetMs = 0;
  let lastSafeAtMs = 0;
  const subscribers = new Set<Subscriber>();
  const downListeners: (() => void)[] = [];
  const restoreListeners: (() => void)[] = [];
  const lossListeners: ((lost: readonly Transaction[]) => void)[] = [];
  const transactionListeners: ((transaction: Transaction) => void)[] = [];

  const nowMs = (): number => Math.floor(scheduler.nowMs() + offsetMs);

  const safeAtMs = (): number => {
    const atMs = scheduler.nowMs();
    const delaysMs: Readonly<Record<Durability, () => number>> = {
      always: () => 0,
      everysec: () => 1000 - (atMs % 1000) + random.between(0, 300),
      replica: () => random.between(1, 20) + (random.chance(0.02) ? random.between(200, 3000) : 0),
      "replica with WAIT": () =>
        random.between(1, 20) + (random.chance(0.01) ? random.between(200, 1500) : 0),
    };
    lastSafeAtMs = Math.max(lastSafeAtMs, atMs + delaysMs[durability]());
    return lastSafeAtMs;
  };

  const expire = (key: string): void => {
    trace.add(`redis expired ${key}`);
    keys.apply({ kind: "del", key });
    if (durability !== "always")
      journal.push({
        name: "expire",
        ref: undefined,
        commands: [{ kind: "del", key }],
        safeAtMs: safeAtMs(),
        isAcknowledged: true,
      });
    for (const subscriber of subscribers) subscriber(key);
  };
  const touch = (key: string): void => {
    const entry = keys.values.get(key);
    if (entry?.expiresAtMs !== undefined && entry.expiresAtMs <= nowMs()) expire(key);
  };
  /** Redis looks for expired keys by sampling: the event comes late, and much later where there are many keys. */
  const awaitExpiry = (key: string, expiresAtMs: number): void => {
    const lateMs = faults.strikes("redis: events late")
      ? random.between(5000, 60_000)
      : random.between(0, 400);
    scheduler.after(expiresAtMs - nowMs() + lateMs, () => {
      const entry = keys.values.get(key);
      if (!isUp || entry?.expiresAtMs !== expiresAtMs) return;
      if (expiresAtMs <= nowMs()) expire(key);
      else awaitExpiry(key, expiresAtMs);
    });
  };

  /** Takes what was backed up for all that there is. Answers what was done since. */
  const restoreKeys = (from: NonNullable<typeof backup>): readonly Transaction[] => {
    safe = from.keys.clone();
    keys = from.keys.clone();
    journal = [];
    return from.since.splice(0);
  };
  /** Keeps what was safe. Answers what was not. */
  const keepSafe = (downAtMs: number): readonly Transaction[] => {
    const isLost = ({ safeAtMs }: Transaction) => safeAtMs > downAtMs;
    const lost = journal.filter(isLost);
    if (durability !== "always") {
      for (const { commands, ...transaction } of journal) {
        if (!isLost({ commands, ...transaction })) for (const command of commands) safe.apply(command);
      }
      journal = [];
      keys = safe.clone();
    }
    return lost;
  };
  /** Comes back. Keys that expired meanwhile are dropped in silence. */
  const comeBack = (lost: readonly Transaction[]): void => {
    isUp = true;
    for (const [key, { expiresAtMs }] of [...keys.values]) {
      if (expiresAtMs === undefined) continue;
      if (expiresAtMs <= nowMs()) keys.apply({ kind: "del", key });
      else awaitExpiry(key, expiresAtMs);
    }
    trace.add(`redis up, ${lost.length} transactions lost`);
    for (const listener of lossListeners) listener(lost);
  };
  const goDown = (downMs: number, back: (downAtMs: number) => void): void => {
    isUp = false;
    crashes += 1;
    trace.add("redis down");
    const downAtMs = scheduler.nowMs();
    for (const listener of downListeners) listener();
    scheduler.after(downMs, () => back(downAtMs));
  };

  return {
    durability,
    get isUp() {
      return isUp;
    },
    get keys() {
      return keys;
    },
    nowMs,
    transact(name, ref, work) {
      const commands: Command[] = [];
      const write = (command: Command): void => {
        commands.push(command);
        keys.apply(command);
        if (command.kind !== "set" || command.expiresAtMs === undefined) return;
        // An expiry in the past deletes the key at once, and gives no event.
        if (command.expiresAtMs <= nowMs()) keys.apply({ kind: "del", key: command.key });
        else awaitExpiry(command.key, command.expiresAtMs);
      };
      const result = work({ keys, nowMs: nowMs(), eventsMax, write, touch });
      const transaction: Transaction = { name, ref, commands, safeAtMs: safeAtMs(), isAcknowledged: false };
      if (durability !== "always" && commands.length > 0) journal.push(transaction);
      if (commands.length > 0) backup?.since.push(transaction);
      if (commands.length > 0) for (const listener of transactionListeners) listener(transaction);
      return { result, transaction };
    },
    crash(downMs) {
      if (isUp) goDown(downMs, (downAtMs) => comeBack(keepSafe(downAtMs)));
    },
    get crashes() {
      return crashes;
    },
    backUp() {
      backup = { keys: keys.clone(), since: [] };
      trace.add("redis backed up");
    },
    restore(downMs) {
      const from = backup;
      if (!isUp || !from) return false;
      goDown(downMs, () => {
        comeBack(restoreKeys(from));
        for (const listener of restoreListeners) listener();
      });
      return true;
    },
    onRestored: (listener) => void restoreListeners.push(listener),
    jumpClock(ms) {
      offsetMs += ms;
      trace.add(`redis clock ${ms}`);
    },
    evictEventKeys() {
      const volatile = [...keys.values].filter(([, { expiresAtMs }]) => expiresAtMs !== undefined);
      for (const [key] of volatile) if (random.chance(0.5)) keys.apply({ kind: "del", key });
    },
    subscribe(subscriber) {
      subscribers.add(subscriber);
      return () => subscribers.delete(subscriber);
    },
    onDown: (listener) => void downListeners.push(listener),
    onLost: (listener) => void lossListeners.push(listener),
    onTransaction: (listener) => void transactionListeners.push(listener),
  };
}
