import type { Wakeups } from "../../src/core/lease-store.ts";
import type { Faults } from "./faults.ts";
import type { ModelRedis } from "./model-redis.ts";
import type { Random } from "./random.ts";
import { accessorOfTtlKey } from "./redis-keys.ts";
import type { Process } from "./scheduler.ts";

/** One process's connection for events: what Redis publishes while it is cut is lost, and only the cut is known. */
export interface RedisEvents {
  readonly wakeups: Wakeups;
  /** Loses the connection; it comes back by itself. */
  cut(): void;
}

/** Connects a process to the events of a Redis. */
export function connectRedisEvents(options: {
  readonly redis: ModelRedis;
  readonly process: Process;
  readonly random: Random;
  readonly faults: Faults;
}): RedisEvents {
  const { redis, process, random, faults } = options;
  let unsubscribe: (() => void) | undefined;
  let listener: Parameters<Wakeups["start"]>[0] | undefined;

  const listen = (): void => {
    unsubscribe = redis.subscribe((key) => {
      const accessor = accessorOfTtlKey(key);
      if (accessor === undefined) return;
      process.after(random.between(0.1, 5), () => listener?.onWake(accessor), "network");
    });
  };
  const isAway = (): boolean => !redis.isUp || faults.isOpen("redis: events cut");
  const listenAgain = (): void => {
    if (!listener || unsubscribe) return;
    if (isAway()) {
      process.after(random.between(200, 2000), listenAgain, "network");
      return;
    }
    listen();
    listener.onGap();
  };
  const cut = (): void => {
    if (!unsubscribe || !process.isAlive) return;
    unsubscribe();
    unsubscribe = undefined;
    process.after(random.between(100, 400), listenAgain, "network");
  };
  redis.onDown(cut);
  process.onKill(() => unsubscribe?.());

  return {
    cut,
    wakeups: {
      async start(started) {
        listener = started;
        if (isAway()) process.after(random.between(100, 400), listenAgain, "network");
        else listen();
      },
      async stop() {
        unsubscribe?.();
        unsubscribe = undefined;
        listener = undefined;
      },
    },
  };
}
