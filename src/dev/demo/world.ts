import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../../config.ts";
import { cacheFolder } from "../dev-environment.ts";
import { provideRedis } from "../redis/provide-redis.ts";
import { type ServerProcess, startServerProcess } from "../start-server-process.ts";
import { startSimulatorProcess } from "../start-simulator-process.ts";

const policy = `{"Version":"2012-10-17","Statement":[{"Sid":"Stmt1426528957000","Effect":"Allow","Action":["ec2:*"],"Resource":["*"]}]}\n`;

/** Everything the demo plays with: real processes, which end with this one. */
export interface World {
  /** Folder with `policy.json`, where the commands run. */
  readonly dir: string;
  /** Endpoint of the AWS simulator. */
  readonly awsUrl: string;
  readonly rootToken: string;
  readonly server: () => ServerProcess;
  /** Kills the server as `kill -9` does. */
  killServer(): Promise<void>;
  /** Starts a server anew, on the same Redis and with the same keys. */
  startServer(): Promise<void>;
  /** Ends the server and Redis, and leaves AWS. */
  killEverything(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts Redis, the AWS simulator and a server, each as a process. */
export async function createWorld(environment: Environment, say: (line: string) => void): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), "leasehold-demo-"));
  const started: { stop(): Promise<unknown> }[] = [];
  const stop = async (): Promise<void> => {
    for (const one of started.reverse()) await one.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    writeFileSync(join(dir, "policy.json"), policy);
    mkdirSync(join(dir, "redis"), { mode: 0o700 });
    // Started here and not by the server, so that killing the server loses nothing.
    const redis = await provideRedis({
      url: undefined,
      dir: join(dir, "redis"),
      appendFsync: "always",
      env: environment,
      cacheDir: cacheFolder(environment),
      temporaryDir: dir,
      say,
    });
    started.push(redis);
    const simulator = await startSimulatorProcess({ snapshotFile: join(dir, "simulator.json") });
    started.push(simulator);
    const rootToken = `lh.${randomBytes(32).toString("base64url")}`;
    const env = {
      LEASEHOLD_REDIS_URL: redis.url,
      LEASEHOLD_ROOT_KEY: randomBytes(32).toString("base64"),
      LEASEHOLD_ROOT_TOKEN: rootToken,
      AWS_ENDPOINT_URL_IAM: simulator.url,
      AWS_ENDPOINT_URL_STS: simulator.url,
    };
    let server = await startServerProcess({ env });
    started.push({ stop: () => server.stop() });
    return {
      dir,
      awsUrl: simulator.url,
      rootToken,
      server: () => server,
      killServer: async () => void (await server.kill()),
      startServer: async () => {
        server = await startServerProcess({ env });
      },
      killEverything: async () => {
        await server.kill();
        await redis.stop();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
