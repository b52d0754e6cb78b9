import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { provideRedis } from "../../../src/dev/redis/provide-redis.ts";
import { sendRedisCommand } from "../../../src/dev/redis/redis-command.ts";
import { testRedisExecutable } from "../../kit/redis-server.ts";
import { writeProgram } from "./stand-in-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

// On a machine without Redis the first run fetches one.
beforeAll(testRedisExecutable, 180_000);

async function wish(url: string | undefined) {
  const folder = await temporaryFolder();
  // A PATH on which the machine's server is the only program.
  const { path, env } = await testRedisExecutable();
  const settings = Object.entries(env).map(([name, value]) => `export ${name}='${value}';`);
  await writeProgram(join(folder, "bin/redis-server"), `${settings.join("")} exec '${path}' "$@"`);
  return {
    url,
    dir: join(folder, "data"),
    env: { PATH: join(folder, "bin") },
    cacheDir: join(folder, "cache"),
    temporaryDir: join(folder, "tmp"),
    say: () => {},
  };
}

describe("provideRedis()", () => {
  test("uses a URL as it is", async () => {
    const redis = await provideRedis(await wish("rediss://cache.example:6380/3"));
    expect(redis.url).toBe("rediss://cache.example:6380/3");
    expect(redis.isEmbedded).toBe(false);
    await redis.stop();
  });

  test("starts a server of its own without a URL", async () => {
    const redis = await provideRedis(await wish(undefined));
    onTestFinished(() => redis.stop());
    expect(redis.isEmbedded).toBe(true);
    const port = Number(new URL(redis.url).port);
    expect(await sendRedisCommand({ port, timeoutMs: 1_000 }, "PING")).toBe("PONG");
  });
});
