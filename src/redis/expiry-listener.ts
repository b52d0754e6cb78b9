import { enableExpiredEvents, expiredChannel } from "./keyspace-events.ts";
import { closeRedisConnection, openRedisConnection, type RedisEndpoint } from "./redis-connection.ts";
import { renewConnection } from "./renew-connection.ts";
import type { RedisReply } from "./reply.ts";

/** A connection that hears which keys of one server expire. */
export interface ExpiryListener {
  /** Resolves once it listens, or once it knows that it cannot yet. */
  readonly settled: Promise<void>;
  /** Sees to it that the server is still there. */
  check(): void;
  close(): Promise<void>;
}

/**
 * Hears which keys of one server expire, on a connection of its own. Redis sends each event once, to whoever listens
 * then; so after every cut it tells of a gap, and with `isLate` at the start, too. It keeps trying.
 */
export function openExpiryListener(options: {
  readonly endpoint: RedisEndpoint;
  readonly isLate: boolean;
  readonly onExpired: (key: string) => void;
  readonly onGap: () => void;
  readonly onLost?: () => void;
}): ExpiryListener {
  const redis = openRedisConnection(options.endpoint, "leasehold-wakeups");
  const channel = expiredChannel(redis.options.db ?? 0);
  const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
  let isListening = false;
  let hasGap = options.isLate;

  const subscribe = async () => {
    try {
      // A Redis that was restarted has forgotten what was set while it ran.
      await enableExpiredEvents(
        async (command, ...args) => (await redis.callBuffer(command, ...args)) as RedisReply,
      );
      await redis.subscribe(channel);
      isListening = true;
      if (hasGap) options.onGap();
      hasGap = false;
    } catch {
      // The next check tries again, or a new connection does.
      hasGap = true;
    }
    settle();
  };

  redis.on("message", (_channel: string, key: string) => options.onExpired(key));
  redis.on("ready", () => void subscribe());
  redis.on("close", () => {
    isListening = false;
    hasGap = true;
    settle();
    options.onLost?.();
  });
  // What goes wrong ends in a close, which is handled.
  redis.on("error", () => {});

  return {
    settled,
    check() {
      if (redis.status !== "ready") return;
      if (isListening) redis.ping().catch(() => renewConnection(redis));
      else void subscribe();
    },
    close: () => closeRedisConnection(redis),
  };
}
