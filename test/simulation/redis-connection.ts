import { CoreError } from "../../src/core/errors.ts";
import type { LeaseRef } from "../../src/core/lease.ts";
import type { CallPoints } from "./call-points.ts";
import type { Faults } from "./faults.ts";
import type { ModelRedis, RedisAccess } from "./model-redis.ts";
import type { Random } from "./random.ts";
import type { Process, Scheduler } from "./scheduler.ts";

/** After this the client gives up on a reply. What was sent may still be done. */
const commandTimeoutMs = 1500;
const waitTimeoutMs = 1000;

/** How a call differs from the usual one, which reads. */
export interface RedisCall {
  readonly name: string;
  readonly ref?: LeaseRef | undefined;
  /** Changes something, so that a crash around it is worth trying. */
  readonly isChange?: boolean;
  /** Refused by a Redis whose memory is full. */
  readonly needsMemory?: boolean;
  /** Acknowledged only once it is as durable as this Redis can make it. */
  readonly isDurable?: boolean;
}

/** One process's connection to Redis for commands. */
export interface RedisConnection {
  /** Sends a command; rejects with `STORAGE_UNAVAILABLE`, and the outcome is then unknown. */
  call<T>(call: RedisCall, work: (access: RedisAccess) => T): Promise<T>;
  /** Redis's time by what the last reply said. */
  nowMs(): Promise<number>;
  /** Loses the connection: whatever is on its way is done or not, and not answered. */
  reset(): void;
  /** Tells when the connection is lost, and when it is there again. */
  onState(listener: (isConnected: boolean) => void): void;
}

interface InFlight {
  isDropped: boolean;
  readonly fail: (problem: string) => void;
}

const unavailable = (problem: string): CoreError => new CoreError("STORAGE_UNAVAILABLE", problem);

/** Connects a process. */
export function connectRedis(options: {
  readonly redis: ModelRedis;
  readonly process: Process;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: Faults;
  readonly callPoints: CallPoints;
}): RedisConnection {
  const { redis, process, scheduler, random, faults, callPoints } = options;
  const inFlight = new Set<InFlight>();
  let isConnected = true;
  let lastEffectAtMs = 0;
  let knownOffsetMs: number | undefined;
  const stateListeners: ((isConnected: boolean) => void)[] = [];

  const setConnected = (value: boolean): void => {
    isConnected = value;
    for (const listener of stateListeners) listener(value);
  };
  const reconnect = (): void => {
    if (redis.isUp) setConnected(true);
    else process.after(random.between(50, 300), reconnect, "network");
  };
  const reset = (): void => {
    if (!isConnected || !process.isAlive) return;
    setConnected(false);
    for (const call of [...inFlight]) {
      // What had reached Redis is done all the same.
      call.isDropped = random.chance(0.5);
      call.fail("The connection to Redis was lost.");
    }
    process.after(random.between(50, 500), reconnect, "network");
  };
  redis.onDown(reset);
  process.onKill(() => {
    for (const call of inFlight) call.isDropped = random.chance(0.5);
  });

  /** When a command that is sent now takes effect, in true time: one connection is served in order. */
  const nextEffectAtMs = (): number => {
    const slowMs = faults.strikes("redis: slow") ? random.between(100, 1600) : 0;
    const pausedMs = faults.strikes("redis: paused") ? random.between(1000, 4000) : 0;
    lastEffectAtMs = Math.max(lastEffectAtMs, scheduler.nowMs() + random.between(0.1, 2) + slowMs + pausedMs);
    return lastEffectAtMs;
  };

  function call<T>(asked: RedisCall, work: (access: RedisAccess) => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!process.isAlive || (asked.isChange && callPoints.isLastBefore(process, asked.name))) return;
      /** Settles at most once: by the reply, the time-out, or the loss of the connection. */
      const settle = (deliver: () => void): void => {
        if (!inFlight.delete(mine)) return;
        cancelTimeout();
        deliver();
      };
      const fail = (problem: string): void =>
        settle(() => void process.after(0, () => reject(unavailable(problem)), "network"));
      const answer = (afterMs: number, deliver: () => void): void =>
        void process.after(afterMs + random.between(0.1, 2), () => settle(deliver), "network");
      const mine: InFlight = { isDropped: false, fail };
      inFlight.add(mine);
      const cancelTimeout = process.after(commandTimeoutMs, () => fail("Redis does not answer."));
      if (!isConnected || !redis.isUp) {
        fail("Redis cannot be reached.");
        return;
      }
      if (faults.strikes("redis: connection reset")) process.after(random.between(0, 4), reset, "network");
      if (faults.strikes("redis: black hole")) return;
      const isReplyLost = faults.strikes("redis: reply lost");
      const { crashes } = redis;

      const takeEffect = (): void => {
        if (mine.isDropped || !redis.isUp || redis.crashes !== crashes) return;
        if (asked.needsMemory && faults.strikes("redis: out of memory")) {
          answer(0, () => reject(unavailable("Redis is full.")));
          return;
        }
        let done: ReturnType<typeof redis.transact<T>>;
        try {
          done = redis.transact(asked.name, asked.ref, work);
        } catch (error) {
          answer(0, () => reject(error));
          return;
        }
        const { result, transaction } = done;
        const offsetMs = redis.nowMs() - scheduler.nowMs();
        if (asked.isChange && callPoints.isLastAfter(process, asked.name)) return;
        if (isReplyLost) {
          process.after(0.5, reset, "network");
          return;
        }
        const waits = asked.isDurable && redis.durability === "replica with WAIT";
        const waitMs = waits ? Math.max(0, transaction.safeAtMs - scheduler.nowMs()) : 0;
        if (waitMs > waitTimeoutMs) {
          process.after(waitTimeoutMs, () => fail("The replica does not have it."), "network");
          return;
        }
        answer(waitMs, () => {
          knownOffsetMs = offsetMs;
          transaction.isAcknowledged = true;
          resolve(result);
        });
      };
      scheduler.after(nextEffectAtMs() - scheduler.nowMs(), takeEffect);
    });
  }

  return {
    call,
    reset,
    onState: (listener) => void stateListeners.push(listener),
    async nowMs() {
      if (knownOffsetMs === undefined) return call({ name: "time" }, ({ nowMs }) => nowMs);
      return Math.round(scheduler.nowMs() + knownOffsetMs);
    },
  };
}
