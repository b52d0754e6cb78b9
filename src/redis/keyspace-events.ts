import { listOf, type RedisReply, textOf } from "./reply.ts";

const setting = "notify-keyspace-events";

/** Channel on which Redis names the keys of one database that expired. */
export function expiredChannel(db: number): string {
  return `__keyevent@${db}__:expired`;
}

/**
 * Makes Redis tell of keys that expire: adds what is missing of `E` and `x` to
 * its setting, and leaves what others have set. Answers whether it tells;
 * false where Redis does not let us look or set.
 */
export async function enableExpiredEvents(
  call: (command: string, ...args: readonly string[]) => Promise<RedisReply>,
): Promise<boolean> {
  try {
    const flags = textOf(listOf(await call("CONFIG", "GET", setting))[1]);
    // "A" stands for every kind of event, "x" among them.
    const missing = `${flags.includes("E") ? "" : "E"}${/[xA]/.test(flags) ? "" : "x"}`;
    if (missing !== "") await call("CONFIG", "SET", setting, flags + missing);
    return true;
  } catch {
    return false;
  }
}
