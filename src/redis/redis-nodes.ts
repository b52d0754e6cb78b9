import { openClusterNodes } from "./cluster-nodes.ts";
import type { RedisArgument } from "./command-sender.ts";
import { type ConnectionEvent, openRedisNode, type SendOptions } from "./redis-node.ts";
import type { RedisTarget } from "./redis-url.ts";
import type { RedisReply } from "./reply.ts";

/** One server that takes writes. */
export interface RedisMaster {
  /** `host:port` of a node of a cluster; `Redis` where there is only one. */
  readonly name: string;
  send(command: string, args: readonly RedisArgument[]): Promise<RedisReply>;
}

/** The servers that a Redis URL leads to, and the way to the right one. */
export interface RedisNodes {
  /** Sends a command to the server that has its keys; rejects with the client library's own error. */
  send(command: string, args: readonly RedisArgument[], options?: SendOptions): Promise<RedisReply>;
  masters(): readonly RedisMaster[];
  /** Whether the server is there; of a cluster, most masters, since a cluster works as long as it has these. */
  isReady(): boolean;
  isEnded(): boolean;
  /** What went wrong last. */
  trouble(): unknown;
  close(): Promise<void>;
}

/** Connects to what a Redis URL leads to. */
export function openRedisNodes(
  target: RedisTarget,
  onConnection: (event: ConnectionEvent) => void,
): RedisNodes {
  if (target.kind === "cluster") return openClusterNodes(target, onConnection);
  const node = openRedisNode(target, onConnection);
  return { ...node, masters: () => [{ name: "Redis", send: node.send }] };
}
