import { readFileSync } from "node:fs";
import type { RateLimitSettings } from "./core/access/rate-limits.ts";
import { parseDuration } from "./core/duration.ts";
import { Secret } from "./core/secret.ts";
import { readRateLimits } from "./rate-limit-config.ts";
import { parseRedisUrl, RedisUrlError } from "./redis/redis-url.ts";
import type { KmsRootKey } from "./root-key/kms-decrypt.ts";
import { readKmsRootKey } from "./root-key/kms-settings.ts";
import { decodeRootKey } from "./root-key/root-key-file.ts";
import type { TlsFiles } from "./rpc/tls-identity.ts";
import { readRedisCa, readTlsFiles, tlsFileProblems } from "./tls-config.ts";

/** Where a listener listens. Port 0 means any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Log levels, as pino names them. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** One of the log levels. */
export type LogLevel = (typeof logLevels)[number];

/** The configuration of a server. Times are in milliseconds. */
export interface Config {
  readonly grpcAddress: ListenAddress;
  readonly httpAddress: ListenAddress;
  readonly rateLimits: RateLimitSettings;
  /** The files of the listeners' identity; undefined for plain text. */
  readonly tls: TlsFiles | undefined;
  /** Undefined only in development mode, which then starts a Redis of its own. */
  readonly redisUrl: Secret<string> | undefined;
  /** CAs that are believed where Redis is reached over TLS, in PEM; undefined for those of the system. */
  readonly redisCa: string | undefined;
  /** How many replicas must have a write before it is acknowledged. */
  readonly replicasAwaited: number;
  /** 32 bytes; undefined where KMS has it, and in development mode, which then keeps one in its folder. */
  readonly rootKey: Secret<Uint8Array> | undefined;
  /** The root key as KMS has sealed it; undefined where it is configured otherwise. */
  readonly kmsRootKey: KmsRootKey | undefined;
  /** Undefined where none is configured; development mode then keeps one in its folder. */
  readonly rootToken: Secret<string> | undefined;
  readonly defaultTtlMs: number;
  readonly maxTtlMs: number;
  readonly issueGraceMs: number;
  /** Less than the grace: what is still being created is never cleaned up. */
  readonly issueDeadlineMs: number;
  readonly awsConsistencyMs: number;
  readonly iamEndpoint: string | undefined;
  readonly stsEndpoint: string | undefined;
  readonly isExpiryTimerOn: boolean;
  /** True revokes nothing that is due until a person says go. */
  readonly isObserveOnly: boolean;
  /** Where to keep what was seen of Redis; undefined keeps nothing. */
  readonly stateFile: string | undefined;
  readonly corsOrigins: readonly string[];
  /** Folder of the development mode's state; undefined means a temporary one. */
  readonly devDir: string | undefined;
  readonly logLevel: LogLevel;
}

/** The environment that a configuration is read from. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Thrown with every problem of the environment at once; the server exits 2. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      `The configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:\n${problems.map((problem) => `  ${problem}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** A longer deadline would only keep a caller waiting: creating a user takes seconds. */
const issueDeadlineMsMax = 30_000;
const issueDeadlineShare = 0.8;
const tokenLengthMin = 16;
/** More than anybody has of one primary; a slip of the key would refuse every lease. */
const replicasAwaitedMax = 16;

/** The environment of this process. */
export const processEnvironment: Environment = process.env;

/** The same, for taking out what was read. */
export const processEnvironmentToClear: Record<string, string | undefined> = process.env;

/**
 * Reads the configuration of a server. In development mode the Redis, the
 * root key and the root token may be left out. Throws `ConfigError`.
 */
export function readConfig(environment: Environment, options: { readonly isDev: boolean }): Config {
  const problems: string[] = [];
  const text = (name: string): string | undefined => {
    const value = environment[name]?.trim();
    return value === "" ? undefined : value;
  };
  const secret = (name: string): string | undefined => {
    const file = text(`${name}_FILE`);
    if (file === undefined) return text(name);
    if (text(name) !== undefined) problems.push(`${name} and ${name}_FILE are both set; set one of them.`);
    try {
      return readFileSync(file, "utf8").trim();
    } catch (error) {
      problems.push(`${name}_FILE names a file that cannot be read: ${reasonOf(error)}.`);
      return undefined;
    }
  };
  const duration = (name: string, fallback: string, minMs = 1000): number => {
    const value = text(name) ?? fallback;
    const ms = parseDuration(value);
    if (ms !== undefined && ms >= minMs) return ms;
    problems.push(
      `${name} must be a duration of at least ${minMs} ms, such as ${fallback}; it is "${value}".`,
    );
    return minMs;
  };
  const choice = <Choice extends string>(
    name: string,
    choices: readonly Choice[],
    fallback: Choice,
  ): Choice => {
    const value = text(name) ?? fallback;
    const found = choices.find((one) => one === value);
    if (found === undefined) problems.push(`${name} must be one of ${choices.join(", ")}; it is "${value}".`);
    return found ?? fallback;
  };
  const isPlaintextAllowed = choice("LEASEHOLD_ALLOW_PLAINTEXT", ["true", "false"], "false") === "true";
  const tls = readTlsFiles(text, problems);
  if (tls) problems.push(...tlsFileProblems(tls));
  const address = (name: string, fallback: string): ListenAddress => {
    const value = text(name) ?? fallback;
    const parsed = parseAddress(value);
    if (!parsed) {
      problems.push(`${name} must be host:port, such as ${fallback}; it is "${value}".`);
      return { host: "127.0.0.1", port: 0 };
    }
    if (!isLoopback(parsed.host) && !isPlaintextAllowed && !tls) {
      problems.push(
        `${name} is "${value}", which others can reach, and there is no TLS: tokens and secrets would cross the network in plain text. ` +
          "Set LEASEHOLD_TLS_CERT_FILE and LEASEHOLD_TLS_KEY_FILE, listen on 127.0.0.1, or set LEASEHOLD_ALLOW_PLAINTEXT=true where something in front of it speaks TLS.",
      );
    }
    return parsed;
  };
  const url = (name: string, protocols: readonly string[]): string | undefined => {
    const value = text(name);
    if (value === undefined || protocols.includes(protocolOf(value) ?? "")) return value;
    problems.push(
      `${name} must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}.`,
    );
    return undefined;
  };
  const redis = (name: string): string | undefined => {
    const value = secret(name);
    try {
      if (value !== undefined) parseRedisUrl(value);
      return value;
    } catch (error) {
      // Not shown: the URL can hold a password.
      problems.push(
        `${name} cannot be used: ${error instanceof RedisUrlError ? error.why : reasonOf(error)}.`,
      );
      return undefined;
    }
  };
  const count = (name: string, max: number): number => {
    const value = text(name) ?? "0";
    if (/^\d{1,9}$/.test(value) && Number(value) <= max) return Number(value);
    problems.push(`${name} must be a whole number from 0 to ${max}; it is "${value}".`);
    return 0;
  };

  const redisUrl = redis("LEASEHOLD_REDIS_URL") ?? redis("REDIS_URL");
  const rootKeyText = secret("LEASEHOLD_ROOT_KEY");
  const rootKey = rootKeyText === undefined ? undefined : decodeRootKey(rootKeyText);
  if (rootKeyText !== undefined && rootKey === undefined) {
    problems.push("LEASEHOLD_ROOT_KEY must be 32 bytes in base64. Make one with: openssl rand -base64 32");
  }
  const kmsRootKey = readKmsRootKey({
    ciphertextText: secret("LEASEHOLD_ROOT_KEY_KMS"),
    kmsKey: text("LEASEHOLD_ROOT_KEY_KMS_KEY"),
    region: text("AWS_REGION") ?? text("AWS_DEFAULT_REGION"),
    endpointUrl: url("AWS_ENDPOINT_URL_KMS", ["http:", "https:"]),
    problems,
  });
  if (rootKeyText !== undefined && kmsRootKey !== undefined)
    problems.push("LEASEHOLD_ROOT_KEY and LEASEHOLD_ROOT_KEY_KMS are both set; set one of them.");
  const rootToken = secret("LEASEHOLD_ROOT_TOKEN");
  if (rootToken !== undefined && !isUsableToken(rootToken)) {
    problems.push(
      `LEASEHOLD_ROOT_TOKEN must be at least ${tokenLengthMin} printable characters without spaces.`,
    );
  }
  if (!options.isDev) {
    const mentioned = (name: string) => problems.some((problem) => problem.startsWith(name));
    const required = [
      ["LEASEHOLD_REDIS_URL", redisUrl, "the Redis to keep leases in, such as redis://127.0.0.1:6379"],
      [
        "LEASEHOLD_ROOT_KEY",
        rootKey ?? kmsRootKey,
        '32 bytes in base64 (or LEASEHOLD_ROOT_KEY_FILE, or LEASEHOLD_ROOT_KEY_KMS). "leasehold init" makes one',
      ],
    ] as const;
    for (const [name, value, meaning] of required) {
      if (value === undefined && !mentioned(name)) problems.push(`${name} is not set: ${meaning}.`);
    }
  }

  const defaultTtlMs = duration("LEASEHOLD_DEFAULT_TTL", "1h");
  const maxTtlMs = duration("LEASEHOLD_MAX_TTL", "24h");
  if (defaultTtlMs > maxTtlMs)
    problems.push("LEASEHOLD_DEFAULT_TTL is more than LEASEHOLD_MAX_TTL; it must not be.");
  const issueGraceMs = duration("LEASEHOLD_ISSUE_GRACE", "5m");
  const config: Config = {
    grpcAddress: address("LEASEHOLD_GRPC_ADDR", "127.0.0.1:8210"),
    httpAddress: address("LEASEHOLD_HTTP_ADDR", "127.0.0.1:8211"),
    tls,
    rateLimits: readRateLimits(text, problems),
    redisUrl: sealed(redisUrl),
    redisCa: readRedisCa(text, redisUrl, problems),
    replicasAwaited: count("LEASEHOLD_REDIS_REPLICAS_AWAITED", replicasAwaitedMax),
    rootKey: sealed(rootKey),
    kmsRootKey,
    rootToken: sealed(rootToken),
    defaultTtlMs,
    maxTtlMs,
    issueGraceMs,
    issueDeadlineMs: Math.min(issueDeadlineMsMax, Math.floor(issueGraceMs * issueDeadlineShare)),
    awsConsistencyMs: duration("LEASEHOLD_AWS_CONSISTENCY", "5m", 0),
    iamEndpoint: url("AWS_ENDPOINT_URL_IAM", ["http:", "https:"]),
    stsEndpoint: url("AWS_ENDPOINT_URL_STS", ["http:", "https:"]),
    isExpiryTimerOn: choice("LEASEHOLD_EXPIRY_TIMER", ["on", "off"], "on") === "on",
    isObserveOnly: choice("LEASEHOLD_OBSERVE_ONLY", ["true", "false"], "false") === "true",
    stateFile: text("LEASEHOLD_STATE_FILE"),
    corsOrigins: (text("LEASEHOLD_CORS_ORIGINS") ?? "")
      .split(",")
      .map((origin) => origin.trim())
      .filter((origin) => origin !== ""),
    devDir: text("LEASEHOLD_DEV_DIR"),
    logLevel: choice("LEASEHOLD_LOG_LEVEL", logLevels, "info"),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

function sealed<Value>(value: Value | undefined): Secret<Value> | undefined {
  return value === undefined ? undefined : new Secret(value);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Splits `host:port` and `[v6]:port`. */
function parseAddress(value: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(value);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

/** An address as `host:port`, with an IPv6 host in brackets. */
export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

function protocolOf(value: string): string | undefined {
  return URL.canParse(value) ? new URL(value).protocol : undefined;
}

function isUsableToken(token: string): boolean {
  return token.length >= tokenLengthMin && /^[\x21-\x7e]+$/.test(token);
}
