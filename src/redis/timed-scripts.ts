import type { FencedOutcome } from "../core/lease-store.ts";
import type { RedisArgument, RedisClient } from "./redis-client.ts";
import { createRedisClock, timeReplyMs } from "./redis-clock.ts";
import { listOf, numberOf, type RedisReply, textOf } from "./reply.ts";
import type { RedisScript } from "./scripts.ts";

/** Runs the scripts whose answer begins with Redis's time, and keeps that time. */
export interface TimedScripts {
  /** Redis's time, without a round trip once it is known. */
  nowMs(): Promise<number>;
  /** Runs a script; answers with Redis's time as the script saw it, and with the rest of its answer. `replicasAwaited` as the client has it. */
  run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
    replicasAwaited?: number,
  ): Promise<{ readonly nowMs: number; readonly rest: readonly RedisReply[] }>;
  /** Runs a script that checks a fence. */
  runFenced(...call: Parameters<TimedScripts["run"]>): Promise<FencedOutcome>;
}

/** Makes the runner of one client. */
export function createTimedScripts(client: RedisClient): TimedScripts {
  const clock = createRedisClock();
  const run: TimedScripts["run"] = async (script, keys, args, replicasAwaited) => {
    const sentMs = performance.now();
    const reply = listOf(await client.run(script, keys, args, replicasAwaited));
    const nowMs = numberOf(reply[0]);
    clock.learn(nowMs, sentMs);
    return { nowMs, rest: reply.slice(1) };
  };
  return {
    run,
    async nowMs() {
      const known = clock.nowMs();
      if (known !== undefined) return known;
      const sentMs = performance.now();
      const learnt = timeReplyMs(listOf(await client.call("TIME")));
      clock.learn(learnt, sentMs);
      return clock.nowMs() ?? learnt;
    },
    runFenced: async (...call) => oneOf(["done", "stale"], (await run(...call)).rest[0]),
  };
}

/** A reply that must be one of a few words. */
export function oneOf<const T extends string>(words: readonly T[], reply: RedisReply | undefined): T {
  const text = textOf(reply);
  const word = words.find((each) => each === text);
  if (word === undefined)
    throw new Error(`A script answered "${text}" where ${words.join(", ")} were possible.`);
  return word;
}
