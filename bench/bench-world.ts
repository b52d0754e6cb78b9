import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processEnvironment } from "../src/config.ts";
import { cacheFolder } from "../src/dev/dev-environment.ts";
import { provideRedis } from "../src/dev/redis/provide-redis.ts";
import { startServerProcess } from "../src/dev/start-server-process.ts";
import { startSimulatorProcess } from "../src/dev/start-simulator-process.ts";
import { bindToCores, type Cores } from "./cores.ts";
import { type ForkedProgram, forkProgram } from "./forked-program.ts";
import { type LoadProcess, startLoadProcess } from "./load-process.ts";
import { type SdkFloorProcess, startSdkFloor } from "./sdk-floor-process.ts";

const floorStartMs = 5000;

/** A server that is measured. */
export interface MeasuredServer {
  readonly pid: number;
  readonly port: number;
}

/** Everything that takes part, each in a process of its own that ends with this one. */
export interface BenchWorld {
  readonly leasehold: MeasuredServer & {
    /** For clients: `http://127.0.0.1:41234`. */
    readonly grpcUrl: string;
    readonly rootToken: string;
  };
  /** Core that the server has for itself, in turns with the floor; undefined where it has none. */
  readonly serverCore: number | undefined;
  readonly load: LoadProcess;
  /** Endpoint of the AWS simulator. */
  readonly awsUrl: string;
  /** Gives the servers their core, once they are warm. */
  bindServers(): Promise<void>;
  /** Starts the floor, which answers every call with these bytes. */
  startFloor(reply: Uint8Array): Promise<MeasuredServer>;
  /** Starts the floor for AWS leases. */
  startSdkFloor(): Promise<SdkFloorProcess>;
  stop(): Promise<void>;
}

/** Starts Redis, the AWS simulator, the load and a server, and gives the server a core for itself where there are cores to give. */
export async function createBenchWorld(options: {
  readonly cores: Cores | undefined;
  readonly profileDir: string | undefined;
  readonly say: (line: string) => void;
}): Promise<BenchWorld> {
  const { cores, profileDir, say } = options;
  const dir = mkdtempSync(join(tmpdir(), "leasehold-bench-"));
  const started: { stop(): Promise<unknown> }[] = [];
  const stop = async (): Promise<void> => {
    for (const one of started.splice(0).reverse()) await one.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  const servers: number[] = [];
  /** Until all are bound to their core, they have both: their code is compiled beside the load then, not in its way. */
  const letWarmUp = async (pid: number): Promise<void> => {
    servers.push(pid);
    if (cores !== undefined) await bindToCores(pid, [cores.server, cores.load]);
  };
  try {
    mkdirSync(join(dir, "redis"), { mode: 0o700 });
    const redis = await provideRedis({
      url: undefined,
      dir: join(dir, "redis"),
      // What is to be measured includes that a lease is on disk before a key is made.
      appendFsync: "always",
      env: processEnvironment,
      cacheDir: cacheFolder(processEnvironment),
      temporaryDir: dir,
      say,
    });
    started.push(redis);
    const simulator = await startSimulatorProcess({ snapshotFile: join(dir, "simulator.json") });
    started.push(simulator);
    const load = startLoadProcess();
    started.push(load);
    const rootToken = `lh.${randomBytes(32).toString("base64url")}`;
    const server = await startServerProcess({
      env: {
        LEASEHOLD_REDIS_URL: redis.url,
        LEASEHOLD_ROOT_KEY: randomBytes(32).toString("base64"),
        LEASEHOLD_ROOT_TOKEN: rootToken,
        AWS_ENDPOINT_URL_IAM: simulator.url,
        AWS_ENDPOINT_URL_STS: simulator.url,
      },
      ...(profileDir === undefined ? {} : { nodeArgs: ["--cpu-prof", "--cpu-prof-dir", profileDir] }),
    });
    started.push(server);
    await letWarmUp(server.pid);
    const { pid, grpcUrl } = server;
    return {
      leasehold: { pid, grpcUrl, rootToken, port: Number(new URL(grpcUrl).port) },
      serverCore: cores?.server,
      async bindServers() {
        if (cores === undefined) return;
        for (const server of servers) await bindToCores(server, [cores.server]);
      },
      load,
      awsUrl: simulator.url,
      async startFloor(reply) {
        const floor: ForkedProgram = forkProgram("./floor.ts");
        started.push(floor);
        await letWarmUp(floor.pid);
        floor.tell(reply);
        const { port } = (await floor.hear(floorStartMs)) as { readonly port: number };
        return { pid: floor.pid, port };
      },
      async startSdkFloor() {
        const sdk = startSdkFloor();
        started.push(sdk);
        await letWarmUp(sdk.pid);
        return sdk;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
