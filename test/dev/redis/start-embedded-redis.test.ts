import { once } from "node:events";
import { stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { awaitDataFolder } from "../../../src/dev/redis/data-folder-owner.ts";
import { findLoopbackPort } from "../../../src/dev/redis/loopback-port.ts";
import { sendRedisCommand } from "../../../src/dev/redis/redis-command.ts";
import {
  type EmbeddedRedis,
  type EmbeddedRedisOptions,
  startEmbeddedRedis,
} from "../../../src/dev/redis/start-embedded-redis.ts";
import { testRedisExecutable } from "../../kit/redis-server.ts";
import { temporaryFolder } from "./temporary-folder.ts";

// On a machine without Redis the first run fetches one.
beforeAll(testRedisExecutable, 180_000);

async function start(options: Omit<EmbeddedRedisOptions, "executable">): Promise<EmbeddedRedis> {
  const { path, env } = await testRedisExecutable();
  const redis = await startEmbeddedRedis({ executable: path, env, ...options });
  onTestFinished(() => redis.kill());
  return redis;
}

function send({ port }: { port: number }, ...words: string[]): Promise<string> {
  return sendRedisCommand({ port, timeoutMs: 2_000 }, ...words);
}

describe("startEmbeddedRedis()", () => {
  test("starts a server that answers at its URL", async () => {
    const redis = await start({ dir: await temporaryFolder() });
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
    expect(await send(redis, "PING")).toBe("PONG");
    expect(await send(redis, "INFO", "server")).toContain(`process_id:${redis.pid}\r\n`);
  });

  test("sets what leases need: writes on disk, expiry events, no eviction", async () => {
    const redis = await start({ dir: await temporaryFolder() });
    const setting = async (name: string) => (await send(redis, "CONFIG", "GET", name)).split("\n")[1];
    expect(await setting("appendonly")).toBe("yes");
    expect(await setting("appendfsync")).toBe("always");
    expect(await setting("notify-keyspace-events")).toBe("xE");
    expect(await setting("maxmemory-policy")).toBe("noeviction");
    expect(await setting("save")).toBe("");
    expect(await setting("bind")).toBe("127.0.0.1");
    expect(await setting("protected-mode")).toBe("yes");
  });

  test("closes its folder to other users", async () => {
    const dir = join(await temporaryFolder(), "data");
    await start({ dir });
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
  });

  test("goes on with the data of its folder after a stop", async () => {
    const dir = await temporaryFolder();
    const first = await start({ dir });
    await send(first, "SET", "key", "value");
    await first.stop();
    expect(await send(await start({ dir }), "GET", "key")).toBe("value");
  });

  test("goes on with every answered write after a SIGKILL", async () => {
    const dir = await temporaryFolder();
    const first = await start({ dir });
    await send(first, "SET", "key", "value");
    await first.kill();
    expect(await send(await start({ dir }), "GET", "key")).toBe("value");
  });

  test("keeps nothing when told so", async () => {
    const dir = await temporaryFolder();
    const first = await start({ dir, appendOnly: false });
    await send(first, "SET", "key", "value");
    await first.stop();
    expect(await send(await start({ dir, appendOnly: false }), "GET", "key")).toBe("");
  });

  test("hands on more arguments", async () => {
    const redis = await start({ dir: await temporaryFolder(), extraArgs: ["--maxmemory", "5mb"] });
    expect(await send(redis, "INFO", "memory")).toContain(`maxmemory:${5 * 1024 * 1024}\r\n`);
  });

  test("rejects with the server's own words when it does not like an argument", async () => {
    const starting = start({ dir: await temporaryFolder(), extraArgs: ["--no-such-setting", "1"] });
    await expect(starting).rejects.toThrow(/ended with exit code 1[\s\S]*no-such-setting/);
  });

  test("rejects when the port it is told is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const starting = start({ dir: await temporaryFolder(), port });
    await expect(starting).rejects.toThrow(
      /^Cannot start "[^"]+" on port \d+: [\s\S]*Address already in use/,
    );
  });

  test("goes to another port when the one it found is taken meanwhile", async () => {
    const other = await start({ dir: await temporaryFolder() });
    const { path, env } = await testRedisExecutable();
    const ports = [other.port, other.port, await findLoopbackPort()];
    const options = { executable: path, env, dir: await temporaryFolder() };
    const redis = await startEmbeddedRedis(options, async () => ports.shift() ?? 0);
    onTestFinished(() => redis.kill());
    expect(ports).toEqual([]);
    expect(redis.port).not.toBe(other.port);
    expect(await send(redis, "PING")).toBe("PONG");
  });

  test("does not take another Redis at its port for its own", async () => {
    const other = await start({ dir: await temporaryFolder() });
    const starting = start({ dir: await temporaryFolder(), port: other.port });
    await expect(starting).rejects.toThrow("Address already in use");
  });

  test("waits for a server that is still ending in the same folder", async () => {
    const dir = await temporaryFolder();
    const first = await start({ dir });
    await send(first, "SET", "key", "value");
    const stopping = first.stop();
    const second = await start({ dir });
    expect(await send(second, "GET", "key")).toBe("value");
    await stopping;
  });
});

describe("awaitDataFolder()", () => {
  test("rejects while another server uses the folder", async () => {
    const dir = await temporaryFolder();
    const redis = await start({ dir });
    await expect(awaitDataFolder(dir, 50)).rejects.toThrow(
      `Cannot start Redis in "${dir}": a Redis server with pid ${redis.pid} uses that folder.`,
    );
  });

  test.each([
    ["that has ended", "999999999"],
    ["whose pid another process has now", String(process.pid)],
    ["of which nothing can be read", "?"],
  ])("goes on after a server %s", async (_what, text) => {
    const dir = await temporaryFolder();
    await writeFile(join(dir, "redis.pid"), text);
    await awaitDataFolder(dir, 0);
  });
});
