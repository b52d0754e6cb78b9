import { setTimeout as delay } from "node:timers/promises";
import type { RedisArgument } from "./command-sender.ts";
import type { ConnectionEvent, SendOptions } from "./redis-node.ts";
import { openRedisNodes } from "./redis-nodes.ts";
import { parseRedisUrl, type RedisTarget } from "./redis-url.ts";
import type { RedisReply } from "./reply.ts";
import type { RedisScript } from "./scripts.ts";
import { isPassing, isUnknownScript, storageUnavailable } from "./storage-error.ts";

/** What a command takes, for those who only know this client. */
export type { RedisArgument } from "./command-sender.ts";
/** What happened to the connection, for the log. */
export type { ConnectionEvent } from "./redis-node.ts";

/** Runs a command on one server. */
export type RedisCall = (command: string, ...args: readonly RedisArgument[]) => Promise<RedisReply>;

/** Redis, whether it is one server, a cluster, or what sentinels watch. Every call rejects with `STORAGE_UNAVAILABLE`, within about two seconds. */
export interface RedisClient {
  readonly kind: RedisTarget["kind"];
  /**
   * Runs a script, by name where Redis knows it, on the server that has its keys. With `replicasAwaited`, answers once
   * that many replicas have what it wrote, and rejects where they do not within a second.
   */
  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    replicasAwaited?: number,
  ): Promise<RedisReply>;
  /** Runs a command on the server that has its keys; on any where it has none. */
  readonly call: RedisCall;
  /** Every server that takes writes, by name. */
  masters(): readonly { readonly name: string; readonly call: RedisCall }[];
  /** Says whether Redis could be reached a moment ago; of a cluster, most of its masters. */
  isReady(): boolean;
  /** Resolves once Redis can be used; rejects where it cannot within that time, with why. */
  whenReady(timeoutMs: number): Promise<void>;
  /** Resolves where Redis answers. */
  ping(): Promise<void>;
  /** Closes the connections for good. */
  close(): Promise<void>;
}

/** Refusals of a moment are tried again after these pauses, as long as a caller can wait: a slot that moves takes its time. */
const pausesMs = [50, 100, 200, 300, 300];
const retryWithinMs = 900;
const readyPollMs = 20;

/** Connects to Redis. Throws for a URL that is none. */
export function createRedisClient(options: {
  readonly url: string;
  /** CAs whose certificates are believed, in PEM; those of the system where there are none. */
  readonly ca?: string | undefined;
  readonly onConnection?: (event: ConnectionEvent) => void;
}): RedisClient {
  const target = parseRedisUrl(options.url, options);
  const nodes = openRedisNodes(target, options.onConnection ?? (() => {}));

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
    kind: target.kind,
    run: (script, keys, args, replicasAwaited = 0) => {
      const all = [keys.length, ...keys, ...args];
      const how: SendOptions | undefined = replicasAwaited === 0 ? undefined : { replicasAwaited };
      return guard(async () => {
        try {
          return await nodes.send("EVALSHA", [script.sha1, ...all], how);
        } catch (error) {
          // A Redis that was restarted, or told to forget its scripts, learns it again with this call.
          if (!isUnknownScript(error)) throw error;
          return await nodes.send("EVAL", [script.text, ...all], how);
        }
      });
    },
    call: (command, ...args) => guard(() => nodes.send(command, args)),
    masters: () =>
      nodes.masters().map(({ name, send }) => ({
        name,
        call: (command, ...args) => guard(() => send(command, args)),
      })),
    isReady: () => nodes.isReady(),
    async whenReady(timeoutMs) {
      const deadlineMs = performance.now() + timeoutMs;
      while (!nodes.isReady()) {
        if (performance.now() >= deadlineMs || nodes.isEnded()) throw storageUnavailable(nodes.trouble());
        await delay(readyPollMs);
      }
    },
    async ping() {
      await guard(() => nodes.send("PING", []));
    },
    close: () => nodes.close(),
  };
}
