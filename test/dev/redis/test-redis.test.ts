import { stat } from "node:fs/promises";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { sendRedisCommand } from "../../../src/dev/redis/redis-command.ts";
import { startTestRedis, testRedisExecutable } from "../../kit/redis-server.ts";

// On a machine without Redis the first run fetches one.
beforeAll(testRedisExecutable, 180_000);

describe("startTestRedis()", () => {
  test("keeps its URL and its data over a kill and a restart", async () => {
    const redis = await startTestRedis({ appendFsync: "always" });
    onTestFinished(() => redis.stop());
    const { url, pid } = redis;
    await sendRedisCommand({ port: redis.port, timeoutMs: 1_000 }, "SET", "key", "value");
    await redis.kill();
    await redis.restart();
    expect(redis.url).toBe(url);
    expect(redis.pid).not.toBe(pid);
    expect(await sendRedisCommand({ port: redis.port, timeoutMs: 1_000 }, "GET", "key")).toBe("value");
  });

  test("sets a setting of the running server", async () => {
    const redis = await startTestRedis();
    onTestFinished(() => redis.stop());
    await redis.configSet("maxmemory", "6mb");
    const memory = await sendRedisCommand({ port: redis.port, timeoutMs: 1_000 }, "INFO", "memory");
    expect(memory).toContain(`maxmemory:${6 * 1024 * 1024}\r\n`);
  });

  test("leaves no folder behind", async () => {
    const redis = await startTestRedis();
    await redis.stop();
    await expect(stat(redis.dir)).rejects.toThrow("ENOENT");
  });
});
