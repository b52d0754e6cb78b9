import type { Writable } from "node:stream";
import { CoreError } from "../core/errors.ts";
import { type CommandSender, createCommandSender } from "./command-sender.ts";
import {
  closeRedisConnection,
  openRedisConnection,
  type RedisEndpoint,
  settleConnection,
} from "./redis-connection.ts";
import { numberOf, type RedisReply } from "./reply.ts";

/** How long replicas may take before a write counts as not replicated. Less than a command may take. */
const waitTimeoutMs = 1_000;
const connectWaitMs = 1_000;

/** A connection for writes that replicas must have, too, before they are acknowledged. */
export interface ReplicatedConnection {
  /**
   * Lets `work` send what writes, and answers with its reply once that many replicas have it. Rejects with
   * `STORAGE_UNAVAILABLE` where too few have it within a second: the write stands, and may yet reach them.
   */
  write(replicas: number, work: (send: CommandSender) => Promise<RedisReply>): Promise<RedisReply>;
  close(): Promise<void>;
}

/** A WAIT under way: what was sent on its stream before it is covered by its answer. */
interface Wait {
  readonly stream: Writable;
  readonly covers: number;
  readonly replicas: number;
  readonly reached: Promise<number>;
}

/**
 * Opens a connection for writes that are waited for. WAIT tells of the writes of its own connection alone, and
 * blocks it meanwhile; so they have one to themselves, and reads, claims and failures never stand behind a slow
 * replica. One WAIT is under way at a time. It covers every write sent before it; the next one, all that were sent
 * meanwhile.
 */
export function openReplicatedConnection(endpoint: RedisEndpoint): ReplicatedConnection {
  const redis = openRedisConnection(endpoint, "leasehold-replicated");
  // The connection beside this one tells what is wrong.
  redis.on("error", () => {});
  const send = createCommandSender(redis);
  let sent = 0;
  let underWay: Wait | undefined;

  const startWait = (stream: Writable, replicas: number): Wait => {
    const reached = (async () => {
      try {
        return numberOf(await send("WAIT", [replicas, waitTimeoutMs]));
      } finally {
        underWay = undefined;
      }
    })();
    underWay = { stream, covers: sent, replicas, reached };
    return underWay;
  };

  /** How many replicas have what was sent up to `mark` on this stream. */
  const countReplicas = async (stream: Writable, mark: number, replicas: number): Promise<number> => {
    for (;;) {
      // After a reconnect, WAIT would answer for a connection that has written nothing, and to another server perhaps.
      if (redis.stream !== stream)
        throw new Error("The connection was lost before the replicas had the write.");
      if (underWay === undefined) return startWait(stream, replicas).reached;
      const { covers, replicas: awaited, reached } = underWay;
      if (mark <= covers && replicas <= awaited) return reached;
      await reached.catch(() => {});
    }
  };

  return {
    async write(replicas, work) {
      await settleConnection(redis, connectWaitMs);
      const { stream } = redis;
      let mark = sent;
      const reply = await work((command, args) => {
        mark = ++sent;
        return send(command, args);
      });
      const reached = await countReplicas(stream, mark, replicas);
      if (reached >= replicas) return reply;
      throw new CoreError(
        "STORAGE_UNAVAILABLE",
        `Redis stored the change, but only ${reached} of ${replicas} replicas have it. Look at the replicas.`,
      );
    },
    close: () => closeRedisConnection(redis),
  };
}
