import type { Redis } from "ioredis";
import { gatherWrites } from "./gather-writes.ts";
import type { RedisReply } from "./reply.ts";

/** What a command takes; texts go as UTF-8, bytes as they are. */
export type RedisArgument = string | number | Buffer;

/** Sends a command by a connection, as it is; rejects with the client library's own error. */
export type CommandSender = (command: string, args: readonly RedisArgument[]) => Promise<RedisReply>;

/** Makes the sender of a connection: what is sent in one turn of the event loop leaves in one piece. */
export function createCommandSender(redis: Redis): CommandSender {
  const gather = gatherWrites(redis);
  return async (command, args) => {
    gather();
    // Replies in bytes are buffers, numbers, null, and lists of these.
    return (await redis.callBuffer(command, ...args)) as RedisReply;
  };
}
