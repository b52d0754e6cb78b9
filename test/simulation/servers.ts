import { awsBackend } from "../../src/backends/aws/aws-backend.ts";
import { createBarrier } from "../../src/core/barrier.ts";
import { type Core, createCore } from "../../src/core/core.ts";
import { hasCode } from "../../src/core/errors.ts";
import { createKeyringKeeper, type KeyringKeeper } from "../../src/core/keyring-keeper.ts";
import { openKeyring } from "../../src/core/open-keyring.ts";
import type { Telemetry } from "../../src/core/telemetry.ts";
import { connectAws } from "./aws-connection.ts";
import type { Invariants } from "./invariants.ts";
import { createModelLeaseStore } from "./model-lease-store.ts";
import { createModelStorage } from "./model-storage.ts";
import { createObserveDuty } from "./observe-duty.ts";
import { connectRedis, type RedisConnection } from "./redis-connection.ts";
import { connectRedisEvents, type RedisEvents } from "./redis-events.ts";
import { keyringKey } from "./redis-keys.ts";
import type { Process } from "./scheduler.ts";
import { hangingKeyId, lastingMount } from "./set-up.ts";
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
  /** Looks after the keyring, as it is stored, that this server seals with. */
  readonly keeper: KeyringKeeper;
  readonly wrappedKeyring: Uint8Array;
}

/** The servers of a run. What dies is started again. */
export interface Servers {
  /** Those that take requests now. */
  ready(): readonly Server[];
  /** Starts so many more. */
  start(count: number): void;
  /** Ends one as SIGKILL does; it is started again after a while. */
  kill(server: Server): void;
  /** Stops one in order, as a deployment does, and starts it again. */
  restart(server: Server): void;
  /** A server that seals what no later one could open, in words; undefined where there is none. */
  keyringProblem(): string | undefined;
}

/** Makes no servers yet. Each is the real core with the real AWS backend, over the model's connections. */
export function createServers(world: World, invariants: Invariants): Servers {
  const { scheduler, trace, faults, callPoints, redis, account, settings, consistencyMs } = world;
  const random = world.random("servers");
  const running = new Map<string, Server>();
  let started = 0;

  const telemetryOf = (name: string): Telemetry => ({
    handled: () => {},
    claimed: () => {},
    issued: () => {},
    revoked: () => {},
    revocationFailed: ({ id, error }) => trace.add(`failed ${id}: ${error.slice(0, 80)}`),
    observing: ({ kind }) => {
      trace.add(`observing ${kind}`);
      if (kind === "began") faults.fired("server: only observes");
      if (kind === "waiting") duty.observes(name);
    },
    backgroundFailed: (what, error) => {
      trace.add(`background ${what}: ${error instanceof Error ? error.message : error}`);
      invariants.failedInBackground(what, error);
    },
  });

  const duty = createObserveDuty({ world, invariants, path: lastingMount });

  const assemble = async (name: string, process: Process): Promise<Server> => {
    const network = { redis, process, scheduler, random, faults, callPoints, trace, account };
    const connection = connectRedis(network);
    const events = connectRedisEvents(network);
    const storage = createModelStorage(connection);
    const { clock } = process;
    const keyring = await openKeyring(storage, rootKey);
    const { wrapped } = keyring;
    const barrier = createBarrier(keyring);
    const keeper = createKeyringKeeper({
      ...{ storage, keyring, rootKey, barrier, clock },
      tell(notice) {
        trace.add(`${process.name} keyring ${notice}`);
        if (notice !== "back") faults.fired(`redis: keyring ${notice === "replaced" ? "replaced" : "lost"}`);
        // It is not ready any more, which whoever runs it sees.
        if (notice === "replaced") process.after(random.between(1000, 5000), () => restartOf(process));
      },
    });
    const core = createCore({
      leases: duty.watched(name, createModelLeaseStore(connection)),
      memory: duty.memoryOf(name, process),
      storage,
      wakeups: events.wakeups,
      barrier,
      keyring: keeper,
      backendTypes: [
        awsBackend({
          consistencyMs,
          clock,
          connectIam: ({ accessKey }) => connectAws({ ...network, mayHang: accessKey === hangingKeyId }),
        }),
      ],
      rootToken,
      settings,
      telemetry: telemetryOf(name),
      clock,
    });
    connection.onState((isConnected) => (isConnected ? core.storageBack() : core.storageLost()));
    await core.start();
    return { process, core, connection, events, keeper, wrappedKeyring: wrapped };
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
      assemble(name, process).then(
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

  const restart = ({ process, core }: Server): void => {
    process.after(0, () => {
      // The listeners are closed: no request comes any more, while what is under way ends.
      for (const [name, server] of running) if (server.process === process) running.delete(name);
      core.stop().then(
        () => process.kill(),
        (error) => invariants.failedInBackground("stopping", error),
      );
    });
  };
  const restartOf = (process: Process): void => {
    for (const server of running.values()) if (server.process === process) restart(server);
  };

  const ready = () => [...running.values()].filter(({ process }) => process.isAlive && !process.isStalled);

  return {
    ready,
    restart,
    keyringProblem() {
      const stored = redis.keys.values.get(keyringKey)?.value;
      const wrong = ready().find(
        ({ keeper, wrappedKeyring }) =>
          keeper.isOurs() && !(stored instanceof Uint8Array && Buffer.compare(stored, wrappedKeyring) === 0),
      );
      return (
        wrong && `${wrong.process.name} works with a keyring that Redis ${stored ? "has not" : "has lost"}`
      );
    },
    start(count) {
      for (let number = 0; number < count; number++) boot(`server${++started}`, 1);
    },
    kill: ({ process }) => process.kill(),
  };
}
