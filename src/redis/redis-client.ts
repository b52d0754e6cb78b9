import { setTimeout as delay } from "node:timers/promises";
import { gatherWrites } from "./gather-writes.ts";
import { closeRedisConnection, openRedisConnection } from "./redis-connection.ts";
import type { RedisReply } from "./reply.ts";
import type { RedisScript } from "./scripts.ts";
import { isPassing, isUnknownScript, messageOf, storageUnavailable } from "./storage-error.ts";

/** What a command takes; texts go as UTF-8, bytes as they are. */
export type RedisArgument = string | number | Buffer;

/** What happened to the connection, for the log. */
export type ConnectionEvent = { readonly kind: "ready" } | { readonly kind: "lost"; readonly reason: string };

/** One connection to Redis, which comes back by itself. Every call rejects with `STORAGE_UNAVAILABLE`, within two seconds. */
export interface RedisClient {
  /** Runs a script, by name where Redis knows it. */
  run(script: RedisScript, keys: readonly string[], args: readonly RedisArgument[]): Promise<RedisReply>;
  /** Runs a command. */
  call(command: string, ...args: readonly RedisArgument[]): Promise<RedisReply>;
  /** Says whether Redis could be reached a moment ago. */
  isReady(): boolean;
  /** Resolves once Redis can be used; rejects where it cannot within that time, with why. */
  whenReady(timeoutMs: number): Promise<void>;
  /** Resolves where Redis answers. */
  ping(): Promise<void>;
  /** Closes the connection for good. */
  close(): Promise<void>;
}

/** Refusals of a moment are tried again after these pauses, as long as a caller can wait. */
const pausesMs = [50, 100, 200];
const retryWithinMs = 500;
const readyPollMs = 20;

/** Connects to Redis. Throws for a URL that is none. */
export function createRedisClient(options: {
  readonly url: string;
  readonly onConnection?: (event: ConnectionEvent) => void;
}): RedisClient {
  const redis = openRedisConnection(options.url, "leasehold");
  const onConnection = options.onConnection ?? (() => {});
  let trouble: unknown = new Error("not connected yet");
  let isLost = false;
  let isClosing = false;
  redis.on("error", (error: Error) => {
    trouble = error;
  });
  redis.on("ready", () => {
    isLost = false;
    onConnection({ kind: "ready" });
  });
  redis.on("close", () => {
    if (!isLost && !isClosing) onConnection({ kind: "lost", reason: messageOf(trouble) });
    isLost = true;
  });

  const gather = gatherWrites(redis);
  const send = async (command: string, args: readonly RedisArgument[]): Promise<RedisReply> => {
    gather();
    // Replies in bytes are buffers, numbers, null, and lists of these.
    return (await redis.callBuffer(command, ...args)) as RedisReply;
  };

  const guard = async (work: () => Promise<RedisReply>): Promise<RedisReply> => {
    const startedMs = performance.now();
    for (let tries = 0; ; tries++) {
      try {
        return await work();
      } catch (error) {
        const pauseMs = pausesMs[tries];
        const isLate = performance.now() - startedMs > retryWithinMs;
        if (pauseMs === undefined || isLate || !isPassing(error)) throw storageUnavailable(error);
        await delay(pauseMs);
      }
    }
  };

  return {
    run: (script, keys, args) => {
      const all = [keys.length, ...keys, ...args];
      return guard(async () => {
        try {
          return await send("EVALSHA", [script.sha1, ...all]);
        } catch (error) {
          // A Redis that was restarted, or told to forget its scripts, learns it again with this call.
          if (!isUnknownScript(error)) throw error;
          return await send("EVAL", [script.text, ...all]);
        }
      });
    },
    call: (command, ...args) => guard(() => send(command, args)),
    isReady: () => redis.status === "ready",
    async whenReady(timeoutMs) {
      const deadlineMs = performance.now() + timeoutMs;
      while (redis.status !== "ready") {
        if (performance.now() >= deadlineMs || redis.status === "end") throw storageUnavailable(trouble);
        await delay(readyPollMs);
      }
    },
    async ping() {
      await guard(() => send("PING", []));
    },
    async close() {
      isClosing = true;
      await closeRedisConnection(redis);
    },
  };
}
