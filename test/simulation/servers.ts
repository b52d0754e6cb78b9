import { awsBackend } from "../../src/backends/aws/aws-backend.ts";
import { createBarrier } from "../../src/core/barrier.ts";
import { type Core, createCore } from "../../src/core/core.ts";
import { hasCode } from "../../src/core/errors.ts";
import { openKeyring } from "../../src/core/keyring.ts";
import type { Telemetry } from "../../src/core/telemetry.ts";
import { rootTokenAuthenticator } from "../../src/core/token.ts";
import { connectAws } from "./aws-connection.ts";
import type { Invariants } from "./invariants.ts";
import { createModelLeaseStore } from "./model-lease-store.ts";
import { createModelStorage } from "./model-storage.ts";
import { connectRedis, type RedisConnection } from "./redis-connection.ts";
import { connectRedisEvents, type RedisEvents } from "./redis-events.ts";
import type { Process } from "./scheduler.ts";
import type { World } from "./world.ts";

/** Token of every request. */
export const rootToken = "root-token-of-the-simulation";
const rootKey = new Uint8Array(32).fill(7);

/** One run of one server. */
export interface Server {
  readonly process: Process;
  readonly core: Core;
  readonly connection: RedisConnection;
  readonly events: RedisEvents;
}

/** The servers of a run. What dies is started again. */
export interface Servers {
  /** Those that take requests now. */
  ready(): readonly Server[];
  start(count: number): void;
  /** Ends one as SIGKILL does; it is started again after a while. */
  kill(server: Server): void;
  /** Stops one in order, as a deployment does, and starts it again. */
  restart(server: Server): void;
}

/** Makes no servers yet. Each is the real core with the real AWS backend, over the model's connections. */
export function createServers(world: World, invariants: Invariants): Servers {
  const { scheduler, trace, faults, callPoints, redis, account, settings, consistencyMs } = world;
  const random = world.random("servers");
  const running = new Map<string, Server>();

  const telemetry: Telemetry = {
    handled: () => {},
    claimed: () => {},
    issued: () => {},
    revoked: () => {},
    revocationFailed: ({ id, error }) => trace.add(`failed ${id}: ${error.slice(0, 80)}`),
    observing: ({ kind }) => trace.add(`observing ${kind}`),
    backgroundFailed: (what, error) => {
      trace.add(`background ${what}: ${error instanceof Error ? error.message : error}`);
      invariants.failedInBackground(what, error);
    },
  };

  const assemble = async (process: Process): Promise<Server> => {
    const network = { redis, process, scheduler, random, faults, callPoints, trace, account };
    const connection = connectRedis(network);
    const events = connectRedisEvents(network);
    const storage = createModelStorage(connection);
    const { clock } = process;
    const core = createCore({
      leases: createModelLeaseStore(connection),
      storage,
      wakeups: events.wakeups,
      barrier: createBarrier(await openKeyring(storage, rootKey)),
      backendTypes: [awsBackend({ consistencyMs, clock, connectIam: () => connectAws(network) })],
      authenticate: rootTokenAuthenticator(rootToken),
      settings,
      telemetry,
      clock,
    });
    connection.onState((isConnected) => (isConnected ? core.storageBack() : core.storageLost()));
    await core.start();
    return { process, core, connection, events };
  };

  const boot = (name: string, generation: number): void => {
    const process = scheduler.spawn(`${name}.${generation}`);
    const again = (afterMs: number): void => scheduler.after(afterMs, () => boot(name, generation + 1));
    process.onKill(() => {
      running.delete(name);
      again(random.between(200, 8000));
    });
    trace.add(`boot ${process.name}`);
    process.after(0, () => {
      assemble(process).then(
        (server) => {
          trace.add(`ready ${process.name}`);
          running.set(name, server);
        },
        (error) => {
          if (!hasCode(error, "STORAGE_UNAVAILABLE")) invariants.failedInBackground("starting", error);
          trace.add(`${process.name} cannot start`);
          process.kill();
        },
      );
    });
  };

  return {
    ready: () => [...running.values()].filter(({ process }) => process.isAlive && !process.isStalled),
    start(count) {
      for (let number = 1; number <= count; number++) boot(`server${number}`, 1);
    },
    kill: ({ process }) => process.kill(),
    restart({ process, core }) {
      process.after(0, () => {
        // The listeners are closed: no request comes any more, while what is under way ends.
        for (const [name, server] of running) if (server.process === process) running.delete(name);
        core.stop().then(
          () => process.kill(),
          (error) => invariants.failedInBackground("stopping", error),
        );
      });
    },
  };
}
