import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rateRules } from "../../src/core/rate-rules.ts";
import { paceKey } from "../../src/redis/keys.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { numberOf, textOf } from "../../src/redis/reply.ts";
import { createRedisSharedRates } from "../../src/redis/shared-rates.ts";
import { sharedRatesConformance } from "../conformance/shared-rates.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

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

sharedRatesConformance("Redis", async (rules) => ({
  rates: createRedisSharedRates(client, rules),
  pass: (ms) => delay(ms),
}));

describe("The rates in Redis", () => {
  const throttledOnce = { server: "one", wants: [1, 0, 0], throttled: 1, passedPerSecond: 20 };

  it("leave nothing behind: their key expires three minutes after the last throttled call", async () => {
    const rates = createRedisSharedRates(client);
    await rates.take({ subject: "111122223333:writes", ...throttledOnce });
    const leftMs = numberOf(await client.call("PTTL", paceKey("111122223333:writes")));
    expect(leftMs).toBeGreaterThan(rateRules.memoryMs - 5000);
    expect(leftMs).toBeLessThanOrEqual(rateRules.memoryMs);
  });

  it("are kept in a full Redis, too, since revoking depends on them", async () => {
    await redis.configSet("maxmemory", "1");
    try {
      const rates = createRedisSharedRates(client);
      expect(await rates.take({ subject: "full", ...throttledOnce })).toMatchObject({ isLimited: true });
      expect(textOf(await client.call("TYPE", paceKey("full")))).toBe("hash");
    } finally {
      await redis.configSet("maxmemory", "0");
    }
  });
});
