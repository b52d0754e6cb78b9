import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createRateLedger } from "../../src/core/rate-ledger.ts";
import type { RateRequest } from "../../src/core/shared-rates.ts";
import { paceKey } from "../../src/redis/keys.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { scripts } from "../../src/redis/scripts.ts";
import { createRedisSharedRates } from "../../src/redis/shared-rates.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

const startMs = Date.UTC(2030, 0, 1);
const subject = "111122223333:writes";

let redis: TestRedis;
let client: RedisClient;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: false });
  client = createRedisClient({ url: redis.url });
  await client.whenReady(2000);
});

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

/** Redis with a clock that stands where it is told: the script reads that time in place of its own. */
function frozenRates(nowMs: () => number) {
  const run: RedisClient["run"] = (script, keys, args) => {
    const text = script.text.replace("local now = now_ms()", `local now = ${nowMs()}`);
    expect(text).not.toBe(script.text);
    return client.run({ ...script, text, sha1: createHash("sha1").update(text).digest("hex") }, keys, args);
  };
  return createRedisSharedRates({ ...client, run });
}

const step = fc.record({
  passMs: fc.integer({ min: 0, max: 3000 }),
  server: fc.constantFrom("one", "two", "three"),
  wants: fc.tuple(fc.nat(40), fc.nat(40), fc.nat(10)),
  throttled: fc.oneof(fc.constant(0), fc.nat(3)),
  passedPerSecond: fc.oneof(fc.constant(0), fc.nat(50)),
});

it("the script in Redis answers every request as the ledger in memory does", async () => {
  expect(scripts.take.text).toContain("local now = now_ms()");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      await client.call("DEL", paceKey(subject));
      let nowMs = startMs;
      const ledger = createRateLedger();
      const rates = frozenRates(() => nowMs);
      for (const { passMs, ...rest } of steps) {
        nowMs += passMs;
        const request: RateRequest = { subject, ...rest };
        const [inRedis, inMemory] = [await rates.take(request), ledger.take(request, nowMs)];
        if (!inRedis.isLimited || !inMemory.isLimited) {
          expect(inRedis).toEqual(inMemory);
          continue;
        }
        const { perSecond, ...others } = inRedis;
        expect(others).toEqual({ isLimited: true, ...without(inMemory) });
        expect(perSecond).toBeCloseTo(inMemory.perSecond, 2);
      }
    }),
    { numRuns: 40 },
  );
}, 30_000);

function without({
  grants,
  isHeldBack,
  waitMs,
}: Extract<ReturnType<ReturnType<typeof createRateLedger>["take"]>, { isLimited: true }>) {
  return { grants, isHeldBack, waitMs };
}
