import { homedir } from "node:os";
import { join } from "node:path";
import type { Config, Environment } from "../config.ts";
import { Secret } from "../core/secret.ts";
import { openDevState } from "./dev-state.ts";
import { provideRedis } from "./redis/provide-redis.ts";
import { startSimulatorProcess } from "./start-simulator-process.ts";

/** Everything around a development server: its Redis, its AWS simulator, its keys. */
export interface DevEnvironment {
  /** The configuration with what was missing filled in. */
  readonly config: Config & {
    readonly redisUrl: Secret<string>;
    readonly rootKey: Secret<Uint8Array>;
    readonly rootToken: Secret<string>;
  };
  /** What to tell a person, in order: name and value. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Stops what was started, and removes a temporary state folder. */
  stop(): Promise<void>;
}

/** Where downloaded server programs are kept between starts. */
export function cacheFolder(environment: Environment): string {
  return join(environment["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "leasehold");
}

/**
 * Gives a development server what its configuration leaves out: a Redis, an AWS simulator in place of AWS, a root
 * key and a root token. Rejects with `NoRedisError` where there is no Redis to be had.
 */
export async function openDevEnvironment(options: {
  readonly config: Config;
  readonly environment: Environment;
  readonly say: (line: string) => void;
}): Promise<DevEnvironment> {
  const { config, environment, say } = options;
  const state = openDevState({
    dir: config.devDir,
    rootKey: config.rootKey?.reveal(),
    rootToken: config.rootToken?.reveal(),
  });
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    for (const one of started.reverse()) await one.stop();
    state.dispose();
  };
  try {
    const redis = await provideRedis({
      url: config.redisUrl?.reveal(),
      dir: state.redisDir,
      appendFsync: "always",
      env: environment,
      cacheDir: cacheFolder(environment),
      temporaryDir: state.dir,
      say,
    });
    started.push(redis);
    const facts: (readonly [string, string])[] = [
      ["Redis", redis.isEmbedded ? `${redis.url} (embedded)` : "as configured"],
    ];
    let { iamEndpoint, stsEndpoint } = config;
    if (iamEndpoint === undefined && stsEndpoint === undefined) {
      const simulator = await startSimulatorProcess({ snapshotFile: state.simulatorFile });
      started.push(simulator);
      iamEndpoint = simulator.url;
      stsEndpoint = simulator.url;
      facts.push(["AWS simulator", `${simulator.url} (in place of AWS)`]);
    }
    facts.push(["State", config.devDir === undefined ? `${state.dir} (removed at the end)` : state.dir]);
    const [rootKey, rootToken] = [new Secret(state.rootKey), new Secret(state.rootToken)];
    return {
      config: { ...config, redisUrl: new Secret(redis.url), rootKey, rootToken, iamEndpoint, stsEndpoint },
      facts,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
