import type { Redis } from "ioredis";
import type { Wakeups } from "../core/lease-store.ts";
import { accessorOfTtlKey } from "./keys.ts";
import { enableExpiredEvents, expiredChannel } from "./keyspace-events.ts";
import { closeRedisConnection, openRedisConnection } from "./redis-connection.ts";
import type { RedisReply } from "./reply.ts";

/** A connection that only listens would never notice by itself that the other side is gone. */
const checkEveryMsDefault = 2_000;

/**
 * Hears from Redis which leases may have come due, on a connection of its own.
 * Redis sends each event once, to whoever listens then; so after every cut it
 * tells of a gap. `start` resolves once it listens, or once it knows that it
 * cannot yet: it keeps trying.
 */
export function createRedisWakeups(options: {
  readonly url: string;
  readonly checkEveryMs?: number;
}): Wakeups {
  const { url, checkEveryMs = checkEveryMsDefault } = options;
  let connection: Redis | undefined;
  let timer: NodeJS.Timeout | undefined;

  return {
    async start({ onWake, onGap }) {
      if (connection) throw new Error("These wakeups are started already.");
      const redis = openRedisConnection(url, "leasehold-wakeups");
      connection = redis;
      const channel = expiredChannel(redis.options.db ?? 0);
      const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
      let isListening = false;
      let hasGap = false;

      const subscribe = async () => {
        try {
          // A Redis that was restarted has forgotten what was set while it ran.
          await enableExpiredEvents(
            async (command, ...args) => (await redis.callBuffer(command, ...args)) as RedisReply,
          );
          await redis.subscribe(channel);
          isListening = true;
          if (hasGap) onGap();
          hasGap = false;
        } catch {
          // The timer below tries again, or a new connection does.
          hasGap = true;
        }
        settle();
      };
      const check = () => {
        if (redis.status !== "ready") return;
        if (isListening) redis.ping().catch(() => redis.disconnect(true));
        else void subscribe();
      };

      redis.on("message", (_channel: string, key: string) => {
        const accessor = accessorOfTtlKey(key);
        if (accessor !== undefined) onWake(accessor);
      });
      redis.on("ready", () => void subscribe());
      redis.on("close", () => {
        isListening = false;
        hasGap = true;
        settle();
      });
      // What goes wrong ends in a close, which is handled.
      redis.on("error", () => {});
      timer = setInterval(check, checkEveryMs);
      timer.unref();
      await settled;
    },
    async stop() {
      clearInterval(timer);
      const redis = connection;
      connection = undefined;
      if (redis) await closeRedisConnection(redis);
    },
  };
}
