import { type CommandSender, createCommandSender, type RedisArgument } from "./command-sender.ts";
import {
  closeRedisConnection,
  openRedisConnection,
  type RedisEndpoint,
  settleConnection,
} from "./redis-connection.ts";
import { openReplicatedConnection, type ReplicatedConnection } from "./replicated-connection.ts";
import type { RedisReply } from "./reply.ts";
import { messageOf } from "./storage-error.ts";

/** What happened to the connection, for the log. */
export type ConnectionEvent = { readonly kind: "ready" } | { readonly kind: "lost"; readonly reason: string };

/** How a command is sent. */
export interface SendOptions {
  /** How many replicas must have what the command writes before it is answered; none unless told. */
  readonly replicasAwaited?: number;
  /** Asks a node of a cluster for keys that are on their way to it. */
  readonly isAsking?: boolean;
}

/** One Redis server, or the primary that sentinels name, by a connection that comes back by itself. */
export interface RedisNode {
  /** Sends a command; rejects with the client library's own error. */
  send(command: string, args: readonly RedisArgument[], options?: SendOptions): Promise<RedisReply>;
  isReady(): boolean;
  isEnded(): boolean;
  /** What went wrong last. */
  trouble(): unknown;
  /** Resolves once a connection that is being made is there, or has failed. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

const settleMsMax = 1_000;

/** Connects to a server. */
export function openRedisNode(
  endpoint: RedisEndpoint,
  onConnection: (event: ConnectionEvent) => void = () => {},
): RedisNode {
  const redis = openRedisConnection(endpoint, "leasehold");
  let replicated: ReplicatedConnection | undefined;
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
  const send = createCommandSender(redis);

  return {
    send(command, args, options) {
      if (options === undefined) return send(command, args);
      const { replicasAwaited = 0, isAsking = false } = options;
      const work = (by: CommandSender): Promise<RedisReply> => {
        // Nothing may come between the two: the permission holds for the next command of this connection.
        if (isAsking) by("ASKING", []).catch(() => {});
        return by(command, args);
      };
      if (replicasAwaited === 0) return work(send);
      replicated ??= openReplicatedConnection(endpoint);
      return replicated.write(replicasAwaited, work);
    },
    isReady: () => redis.status === "ready",
    isEnded: () => redis.status === "end",
    trouble: () => trouble,
    settled: () => settleConnection(redis, settleMsMax),
    async close() {
      isClosing = true;
      await Promise.all([closeRedisConnection(redis), replicated?.close()]);
    },
  };
}
