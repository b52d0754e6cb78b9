import type { Redis } from "ioredis";

/**
 * Gives a connection up for a new one, and answers whether it did. One that is being made is left alone: cut off while
 * it still asks the sentinels for the primary, it would end for good.
 */
export function renewConnection(redis: Pick<Redis, "status" | "disconnect">): boolean {
  const isMade = redis.status === "ready" || redis.status === "connect";
  if (isMade) redis.disconnect(true);
  return isMade;
}
