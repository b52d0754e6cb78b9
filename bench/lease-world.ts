import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processEnvironment } from "../src/config.ts";
import type { LeaseStore } from "../src/core/lease-store.ts";
import { cacheFolder } from "../src/dev/dev-environment.ts";
import { resolveRedis } from "../src/dev/redis/resolve-redis.ts";
import { startEmbeddedRedis } from "../src/dev/redis/start-embedded-redis.ts";
import { type ServerProcess, startServerProcess } from "../src/dev/start-server-process.ts";
import { createRedisLeaseStore } from "../src/redis/lease-store.ts";
import { createRedisClient, type RedisClient } from "../src/redis/redis-client.ts";
import { forkProgram } from "./forked-program.ts";
import { type SimulatorControl, simulatorControl } from "./simulator-control.ts";

const startMs = 10_000;

/** A Redis, an AWS simulator and servers, each a process of its own, with a way into that Redis past the servers. */
export interface LeaseWorld {
  /** Such as `Redis 7.0.15`. */
  readonly redisVersion: string;
  readonly rootToken: string;
  readonly awsUrl: string;
  readonly simulator: SimulatorControl;
  readonly simulatorPid: number;
  /** A connection to the Redis, and the store that the servers use, on it. */
  readonly redis: RedisClient;
  readonly store: LeaseStore;
  /** Starts one more server. */
  startServer(): Promise<ServerProcess>;
  /** Ends what started last with this world: add here whatever else takes part. */
  onStop(end: () => Promise<unknown>): void;
  /** Ends everything and removes every file. */
  stop(): Promise<void>;
}

/** Starts all but the servers. Redis writes to its disk before it answers (`appendfsync always`). */
export async function createLeaseWorld(say: (line: string) => void): Promise<LeaseWorld> {
  const dir = mkdtempSync(join(tmpdir(), "leasehold-bench-"));
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const executable = await resolveRedis({
      env: processEnvironment,
      cacheDir: cacheFolder(processEnvironment),
      temporaryDir: dir,
      say,
    });
    const embedded = await startEmbeddedRedis({
      executable: executable.path,
      env: executable.env,
      dir: join(dir, "redis"),
      // Compacting the file is a moment's work of Redis, and would fall into one figure or another.
      extraArgs: ["--auto-aof-rewrite-percentage", "0"],
    });
    ends.push(() => embedded.kill());
    const redis = createRedisClient({ url: embedded.url });
    ends.push(() => redis.close());
    await redis.whenReady(startMs);
    const simulator = forkProgram("./spacious-simulator.ts");
    ends.push(() => simulator.stop());
    const { url: awsUrl } = (await simulator.hear(startMs)) as { readonly url: string };
    const rootToken = `lh.${randomBytes(32).toString("base64url")}`;
    const env = {
      LEASEHOLD_REDIS_URL: embedded.url,
      LEASEHOLD_ROOT_KEY: randomBytes(32).toString("base64"),
      LEASEHOLD_ROOT_TOKEN: rootToken,
      AWS_ENDPOINT_URL_IAM: awsUrl,
      AWS_ENDPOINT_URL_STS: awsUrl,
    };
    return {
      redisVersion: executable.version,
      rootToken,
      awsUrl,
      simulator: simulatorControl(awsUrl),
      simulatorPid: simulator.pid,
      redis,
      store: createRedisLeaseStore({ client: redis }),
      async startServer() {
        const server = await startServerProcess({ env });
        ends.push(() => server.kill());
        return server;
      },
      onStop: (end) => void ends.push(end),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
