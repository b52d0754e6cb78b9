import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { sendRedisCommand } from "../../src/dev/redis/redis-command.ts";
import type { RedisExecutable } from "../../src/dev/redis/redis-executable.ts";
import type { RedisSearch } from "../../src/dev/redis/redis-search.ts";
import { resolveRedis } from "../../src/dev/redis/resolve-redis.ts";
import { type EmbeddedRedisOptions, startEmbeddedRedis } from "../../src/dev/redis/start-embedded-redis.ts";

/** How a test's Redis differs from the usual one; `appendFsync` is `everysec` unless told. */
export interface TestRedisOptions
  extends Pick<EmbeddedRedisOptions, "appendOnly" | "appendFsync" | "extraArgs"> {
  /** The server program; the machine's own unless told. */
  readonly executable?: RedisExecutable;
}

/** A real Redis of the test's own, in a temporary folder. */
export interface TestRedis {
  /** `redis://127.0.0.1:<port>`; the same for as long as the test has it. */
  readonly url: string;
  readonly port: number;
  /** Of the server as it was last started. */
  readonly pid: number;
  readonly dir: string;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL; `restart` brings it back with what was on disk. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and folder, stopping it first where it still runs. */
  restart(): Promise<void>;
  /** Sets one setting of the running server, such as `maxmemory` to `4mb`. */
  configSet(name: string, value: string): Promise<void>;
}

let resolved: Promise<RedisExecutable> | undefined;

/** Where the tests look for Redis servers, and keep what they fetch. */
export function testRedisSearch(say: RedisSearch["say"]): RedisSearch {
  return {
    env: process.env,
    cacheDir: join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "leasehold"),
    temporaryDir: join(tmpdir(), `leasehold-test-${process.getuid?.() ?? "user"}`),
    say,
  };
}

/**
 * Finds the machine's Redis server once per test worker; what had to be fetched is kept for all runs.
 *
 * Fetching takes some seconds on a first run, so give a hook that calls it a limit to match:
 * `beforeAll(testRedisExecutable, 180_000)`.
 */
export function testRedisExecutable(): Promise<RedisExecutable> {
  resolved ??= resolveRedis(testRedisSearch(() => {}));
  return resolved;
}

/** Starts a Redis for one test or one test file; call `stop` in the end. */
export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const { executable = await testRedisExecutable(), ...settings } = options;
  const dir = await mkdtemp(join(tmpdir(), "leasehold-redis-"));
  const start = (port?: number) =>
    startEmbeddedRedis({
      appendFsync: "everysec",
      ...settings,
      executable: executable.path,
      env: executable.env,
      dir,
      ...(port === undefined ? {} : { port }),
    });
  let redis = await start().catch(async (error: unknown) => {
    await rm(dir, { recursive: true, force: true });
    throw error;
  });
  return {
    url: redis.url,
    port: redis.port,
    get pid() {
      return redis.pid;
    },
    dir,
    stop: async () => {
      // Its data is thrown away, so there is nothing to write out first.
      await redis.kill();
      await rm(dir, { recursive: true, force: true });
    },
    kill: () => redis.kill(),
    restart: async () => {
      await redis.stop();
      redis = await start(redis.port);
    },
    configSet: async (name, value) => {
      await sendRedisCommand({ port: redis.port, timeoutMs: 2_000 }, "CONFIG", "SET", name, value);
    },
  };
}
