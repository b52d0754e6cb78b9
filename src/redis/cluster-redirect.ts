import type { RedisAddress } from "./redis-url.ts";

/** Where a node of a cluster sends a caller instead. */
export interface ClusterRedirect {
  /** `MOVED` holds from now on, `ASK` for this command alone. */
  readonly kind: "MOVED" | "ASK";
  readonly slot: number;
  readonly address: RedisAddress;
}

/**
 * Reads the redirect in an error of a node at `from`; undefined for every other error. A node that knows no host for
 * the other leaves it out: then it is the same one.
 */
export function clusterRedirect(error: unknown, from: RedisAddress): ClusterRedirect | undefined {
  if (!(error instanceof Error) || error.name !== "ReplyError") return undefined;
  const [, kind, slot, host, port] = /^(MOVED|ASK) (\d+) (\S*):(\d+)$/.exec(error.message.trim()) ?? [];
  if (kind !== "MOVED" && kind !== "ASK") return undefined;
  return { kind, slot: Number(slot), address: { host: host || from.host, port: Number(port) } };
}
