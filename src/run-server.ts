import {
  type Config,
  ConfigError,
  processEnvironment,
  processEnvironmentToClear,
  readConfig,
} from "./config.ts";
import { CoreError } from "./core/errors.ts";
import { WrongRootKeyError } from "./core/keyring.ts";
import { NotInitializedError } from "./core/open-keyring.ts";
import { type DevEnvironment, openDevEnvironment } from "./dev/dev-environment.ts";
import { NoRedisError } from "./dev/redis/no-redis-error.ts";
import { hardenProcess, keepDebuggerShut } from "./harden-process.ts";
import { UnsuitableRedisError } from "./redis/check-redis.ts";
import { KmsError } from "./root-key/kms-decrypt.ts";
import { withRootKey } from "./root-key/with-root-key.ts";
import { ListenError } from "./rpc/listener.ts";
import { createLog } from "./rpc/log.ts";
import { TlsIdentityError } from "./rpc/tls-identity.ts";
import { type RunningServer, type ServerConfig, startServer } from "./server.ts";
import { StateFileError } from "./state-file.ts";

const exitDone = 0;
const exitFailed = 1;
const exitMisconfigured = 2;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** What has to change before a start can succeed, so that restarting is no use. */
const isMisconfiguration = (error: unknown): boolean =>
  (error instanceof KmsError && error.isRefusal) ||
  [
    ConfigError,
    TlsIdentityError,
    NoRedisError,
    NotInitializedError,
    WrongRootKeyError,
    UnsuitableRedisError,
    StateFileError,
  ].some((kind) => error instanceof kind);

/** What tells a person all there is to know by its message; of anything else the stack is needed. */
const isExplained = (error: unknown): boolean =>
  isMisconfiguration(error) || [CoreError, ListenError, KmsError].some((kind) => error instanceof kind);

/**
 * Runs a server until SIGTERM or SIGINT, and answers the exit code: 0 after a
 * clean end, 1 where it failed, 2 where its configuration has to change. A second
 * signal ends it at once.
 */
export async function runServer(options: { readonly isDev: boolean }): Promise<number> {
  // Before any key is read.
  keepDebuggerShut();
  const told = nextSignal();
  let dev: DevEnvironment | undefined;
  let server: RunningServer | undefined;
  // What rotates logs sends it, after it has moved the files away, and may come before the server has opened any.
  process.on("SIGHUP", () => void server?.reopen());
  try {
    const config = await withRootKey(readConfig(processEnvironment, options));
    const log = createLog({ level: config.logLevel });
    if (options.isDev) dev = await openDevEnvironment({ config, environment: processEnvironment, say });
    server = await startServer(dev?.config ?? complete(config), log);
    const { grpcAddress, httpAddress } = server;
    if (!options.isDev) hardenProcess({ environment: processEnvironmentToClear, log });
    log.info({ grpcAddress, httpAddress }, "listening");
    if (dev) say(devBanner(dev, server));
    const signal = await told;
    log.info({ signal }, "stopping; calls under way may finish");
    return exitDone;
  } catch (error) {
    say(isExplained(error) ? messageOf(error) : stackOf(error));
    return isMisconfiguration(error) ? exitMisconfigured : exitFailed;
  } finally {
    await server?.stop();
    await dev?.stop();
  }
}

/** Resolves with the first signal to end; the second one ends the process at once. */
function nextSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let count = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      count += 1;
      if (count > 1) process.exit(exitFailed);
      resolve(signal);
    });
  }
  return promise;
}

/** Outside development mode the configuration is complete, or was refused. */
function complete(config: Config): ServerConfig {
  const { redisUrl, rootKey } = config;
  if (redisUrl === undefined || rootKey === undefined) {
    throw new Error("The configuration was accepted, and is not complete.");
  }
  return { ...config, redisUrl, rootKey };
}

function devBanner({ config, facts }: DevEnvironment, { grpcAddress, httpAddress }: RunningServer): string {
  const rows = [
    ["gRPC", `http://${grpcAddress}`],
    ["HTTP", `http://${httpAddress}`],
    ...facts,
    ["Root token", config.rootToken.reveal()],
  ];
  return [
    "",
    "leasehold runs in development mode. Do not use it for real credentials.",
    "",
    ...rows.map(([name = "", value]) => `  ${name.padEnd(14)} ${value}`),
    "",
    "Paste this into another terminal, in this folder:",
    "",
    `  export LEASEHOLD_ADDR=http://${grpcAddress}`,
    `  export LEASEHOLD_TOKEN=${config.rootToken.reveal()}`,
    "  npx leasehold mount aws",
    "",
    "Ctrl-C ends it.",
    "",
  ].join("\n");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
