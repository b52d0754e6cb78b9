import { createOpenSink } from "./audit/open-sink.ts";
import { backendTypes, loginMethods } from "./backends/index.ts";
import { type Config, formatAddress } from "./config.ts";
import { type BarrierError, createBarrier } from "./core/barrier.ts";
import { systemClock } from "./core/clock.ts";
import { type Core, createCore } from "./core/core.ts";
import { engineDefaults } from "./core/engine-settings.ts";
import { createKeyringKeeper, type KeyringNotice } from "./core/keyring-keeper.ts";
import { NotInitializedError, openKeyring } from "./core/open-keyring.ts";
import type { Secret } from "./core/secret.ts";
import { createRedisLeaseStore } from "./redis/lease-store.ts";
import { prepareRedis } from "./redis/prepare-redis.ts";
import { createRedisClient } from "./redis/redis-client.ts";
import { createRedisSharedRates } from "./redis/shared-rates.ts";
import { createRedisStorage } from "./redis/storage.ts";
import { createRedisWakeups } from "./redis/wakeups.ts";
import type { Log } from "./rpc/log.ts";
import { createMetrics } from "./rpc/metrics.ts";
import { startServers } from "./rpc/servers.ts";
import { openStateFile } from "./state-file.ts";

/** Longest time that calls under way are given when the server stops. */
const drainMsMax = 10_000;
const healthEveryMs = 250;

const keyringWords: Readonly<Record<KeyringNotice, string>> = {
  writtenAgain: "the keyring was missing in redis, and was written again as it was",
  replaced:
    "the keyring in redis is not the one that this server works with: every call is refused until it is back, or the " +
    "server was restarted to work with the one that is there",
  back: "the keyring in redis is the one that this server works with again",
  rotated: "a new data key is active, and this server seals with it",
  rekeyed:
    "the keyring in redis was wrapped with a root key that this server lacks: it goes on, and its next start needs the new one. " +
    "Restart it with that before the data key is rotated",
  rotationHindered:
    "the data key should be rotated, and this server cannot do it: the root key was changed since it started. Restart it with the new one",
};

/** Same places are told again after this time: what does not open is often asked for every second. */
const unopenedAgainMs = 60_000;
const unopenedMax = 1000;

/** Tells loudly of each stored value that does not open. */
function tellOnce(log: Log): (error: BarrierError) => void {
  const toldAtMs = new Map<string, number>();
  return ({ message, details }) => {
    const place = details["stored_at"] ?? "";
    const nowMs = Date.now();
    if (nowMs - (toldAtMs.get(place) ?? 0) < unopenedAgainMs) return;
    if (toldAtMs.size >= unopenedMax) toldAtMs.clear();
    toldAtMs.set(place, nowMs);
    log.error({ place, problem: message }, "a stored value was changed by somebody else, and is not used");
  };
}

/** A configuration with nothing left out. */
export type ServerConfig = Config & {
  readonly redisUrl: Secret<string>;
  readonly rootKey: Secret<Uint8Array>;
};

/** A server that answers. */
export interface RunningServer {
  /** `host:port` of the gRPC listener. */
  readonly grpcAddress: string;
  /** `host:port` of the HTTP listener. */
  readonly httpAddress: string;
  /** Opens anew what is written to, after somebody has moved it away, and looks at the certificate files. */
  reopen(): Promise<void>;
  /** Lets the calls under way finish, for at most ten seconds, then ends everything. */
  stop(): Promise<void>;
}

/**
 * Assembles a server and starts it: storage, barrier, backends, core,
 * listeners, in this order. Rejects with `UnsuitableRedisError`,
 * `WrongRootKeyError`, `NotInitializedError`, `StateFileError`, or `STORAGE_UNAVAILABLE` where Redis cannot be reached.
 */
export async function startServer(config: ServerConfig, log: Log): Promise<RunningServer> {
  const metrics = createMetrics(log);
  let core: Core | undefined;
  const redis = createRedisClient({
    url: config.redisUrl.reveal(),
    ca: config.redisCa,
    onConnection: (event) => {
      if (event.kind === "ready") {
        log.info("redis is there");
        core?.storageBack();
      } else {
        core?.storageLost();
        log.warn({ reason: event.reason }, "redis is away; calls are answered unavailable until it is back");
      }
    },
  });
  try {
    const { replicasAwaited } = config;
    const report = await prepareRedis(redis, { replicasAwaited });
    for (const warning of report.warnings) log.warn(warning);
    const storage = createRedisStorage(redis, { replicasAwaited });
    if (config.rootToken === undefined && !(await storage.readKeyring())) throw new NotInitializedError();
    const keyring = await openKeyring(storage, config.rootKey.reveal(), Date.now());
    const barrier = createBarrier(keyring, { onUnopened: tellOnce(log) });
    const keyringKeeper = createKeyringKeeper({
      ...{ storage, keyring, barrier, rootKey: config.rootKey.reveal(), clock: systemClock },
      tell: (notice) => log.warn(keyringWords[notice]),
    });
    const started = createCore({
      leases: createRedisLeaseStore({ client: redis, replicasAwaited }),
      storage,
      wakeups: createRedisWakeups({ url: config.redisUrl.reveal(), ca: config.redisCa }),
      barrier,
      keyring: keyringKeeper,
      backendTypes: backendTypes({
        aws: {
          consistencyMs: config.awsConsistencyMs,
          rates: createRedisSharedRates(redis),
          telemetry: metrics.vendor,
          ...(config.iamEndpoint === undefined ? {} : { iamEndpoint: config.iamEndpoint }),
          ...(config.stsEndpoint === undefined ? {} : { stsEndpoint: config.stsEndpoint }),
        },
      }),
      rootToken: config.rootToken?.reveal(),
      rateLimits: config.rateLimits,
      loginMethods: loginMethods(),
      openAuditSink: createOpenSink(process.stdout),
      settings: {
        ...engineDefaults,
        defaultTtlMs: config.defaultTtlMs,
        maxTtlMs: config.maxTtlMs,
        issueGraceMs: config.issueGraceMs,
        issueDeadlineMs: config.issueDeadlineMs,
        isTimerOn: config.isExpiryTimerOn,
      },
      telemetry: metrics,
      clock: systemClock,
      isObserveOnly: config.isObserveOnly,
      ...(config.stateFile === undefined ? {} : { memory: openStateFile(config.stateFile) }),
    });
    core = started;
    metrics.lookInto(started);
    const isReady = () => redis.isReady() && keyringKeeper.isOurs();
    await started.start();
    const servers = await startServers({
      grpcAddress: config.grpcAddress,
      httpAddress: config.httpAddress,
      tls: config.tls,
      handle: started.handle,
      log,
      isReady,
      metricsText: () => metrics.text(),
      corsOrigins: config.corsOrigins,
    });
    servers.setServing(true);
    const health = setInterval(() => servers.setServing(isReady()), healthEveryMs);
    return {
      grpcAddress: formatAddress({ ...config.grpcAddress, port: servers.grpcPort }),
      httpAddress: formatAddress({ ...config.httpAddress, port: servers.httpPort }),
      async reopen() {
        servers.reload();
        await started.reopenAudit();
      },
      async stop() {
        clearInterval(health);
        await servers.drain(drainMsMax);
        await started.stop();
        await servers.close();
        await redis.close();
      },
    };
  } catch (error) {
    // What goes on in the background would keep the process alive.
    await core?.stop();
    await redis.close();
    throw error;
  }
}
