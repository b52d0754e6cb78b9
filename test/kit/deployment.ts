import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { type CallOptions, type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { Redis } from "ioredis";
import { AuditService } from "../../gen/leasehold/v1/audit_pb.ts";
import { AuthService } from "../../gen/leasehold/v1/auth_pb.ts";
import { type Lease, LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { MountService } from "../../gen/leasehold/v1/mounts_pb.ts";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { type AccessKey, whoseKey } from "../../src/dev/demo/leased-key.ts";
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
  tutorialKey,
} from "../../src/dev/simulator/simulator.ts";
import { snapshotText } from "../../src/dev/simulator/snapshot.ts";
import { type ServerProcess, startServerProcess } from "../../src/dev/start-server-process.ts";
import { startTestRedis, type TestRedis, type TestRedisOptions } from "./redis-server.ts";

/** How a deployment differs from the usual one: a single server with short times. */
export interface DeploymentOptions {
  /** How many servers share the Redis; one unless told. */
  readonly servers?: number;
  /** More environment of every server. */
  readonly env?: Readonly<Record<string, string>>;
  readonly redis?: TestRedisOptions;
  readonly simulator?: SimulatorOptions;
}

/** Typed clients of one server, by gRPC, which send the root token. */
export interface Clients {
  readonly mounts: Client<typeof MountService>;
  readonly secrets: Client<typeof SecretService>;
  readonly leases: Client<typeof LeaseService>;
  readonly auth: Client<typeof AuthService>;
  readonly audit: Client<typeof AuditService>;
}

/** A server of a deployment: a process with a log of its own, and clients of it. */
export interface DeployedServer extends ServerProcess, Clients {}

/** An access key as it was handed out, and its lease. */
export interface LeasedKey extends AccessKey {
  readonly leaseId: string;
  /** Name of the key's IAM user. */
  readonly user: string;
  /** In milliseconds since 1970, like the other. */
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly warnings: readonly string[];
}

/** How a read of `creds/` differs from the usual one. */
export interface CredsRequest {
  /** The newest server unless told. */
  readonly from?: DeployedServer;
  /** `aws/creds/deploy` unless told. */
  readonly path?: string;
  readonly ttl?: string;
  readonly call?: CallOptions;
}

/** A real Redis, an AWS simulator in this process, and servers as processes. All of it ends with `stop`. */
export interface Deployment extends AsyncDisposable {
  readonly redis: TestRedis;
  /** A connection to that Redis, for looking into it. */
  readonly redisConnection: Redis;
  readonly rootToken: string;
  /** The environment that every server has. */
  readonly env: Readonly<Record<string, string>>;
  /** All servers, oldest first, those that ended included. */
  readonly servers: readonly DeployedServer[];
  /** The newest server. */
  readonly server: DeployedServer;
  /** The AWS simulator as it was last started. */
  readonly aws: Simulator;
  /** Starts one more server. */
  startServer(env?: Readonly<Record<string, string>>): Promise<DeployedServer>;
  /** Makes AWS unreachable: connections are refused. */
  stopAws(): Promise<void>;
  /** Brings AWS back on the same port, with the same users and keys, and without its faults and call log. */
  startAws(): Promise<void>;
  /** Mounts the AWS backend and writes the administrator's key to its `config/root`. */
  mountAws(path?: string): Promise<void>;
  /** Writes a role that allows EC2, at `aws/roles/deploy` unless told. */
  writeRole(options?: { readonly path?: string; readonly fields?: JsonObject }): Promise<void>;
  readCreds(request?: CredsRequest): Promise<LeasedKey>;
  /** Names of the leased users that exist, visible yet or not. */
  aliveUsers(): readonly string[];
  /** Asks AWS whether a key works. */
  isKeyAlive(key: AccessKey): Promise<boolean>;
  /** Number of leases in any state. */
  countLeases(prefix?: string): Promise<number>;
  /** Ends every process, and removes every file. */
  stop(): Promise<void>;
}

const shortTimes = { LEASEHOLD_ISSUE_GRACE: "2s", LEASEHOLD_AWS_CONSISTENCY: "1s" };
const leasedUserPath = "/leasehold/";

/** The policy of the roles that `writeRole` writes. */
export const deployPolicy =
  '{"Version":"2012-10-17","Statement":[{"Sid":"Stmt1426528957000","Effect":"Allow","Action":["ec2:*"],"Resource":["*"]}]}';

function leasedKey(data: JsonObject | undefined, lease: Lease, warnings: readonly string[]): LeasedKey {
  const text = (name: string) => String(data?.[name] ?? "");
  const ms = (time: Timestamp | undefined) => (time ? timestampMs(time) : Number.NaN);
  const [role = "", uuid = ""] = lease.id.split("/").slice(-2);
  return {
    accessKeyId: text("access_key"),
    secretAccessKey: text("secret_key"),
    leaseId: lease.id,
    user: `leasehold-${role}-${uuid.replaceAll("-", "")}`,
    issuedAtMs: ms(lease.issuedAt),
    expiresAtMs: ms(lease.expiresAt),
    warnings,
  };
}

function clientsOf(grpcUrl: string, token: string): { readonly clients: Clients; close(): void } {
  const authorize: Interceptor = (next) => (request) => {
    if (!request.header.has("authorization")) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  const sessionManager = new Http2SessionManager(grpcUrl);
  const transport = createGrpcTransport({ baseUrl: grpcUrl, sessionManager, interceptors: [authorize] });
  const clients = {
    mounts: createClient(MountService, transport),
    secrets: createClient(SecretService, transport),
    leases: createClient(LeaseService, transport),
    auth: createClient(AuthService, transport),
    audit: createClient(AuditService, transport),
  };
  return { clients, close: () => sessionManager.abort() };
}

/**
 * Starts a deployment: the product as it runs, with nothing shared between two of them. Use it with
 * `await using`, or call `stop`.
 */
export async function deploy(options: DeploymentOptions = {}): Promise<Deployment> {
  const dir = await mkdtemp(join(tmpdir(), "leasehold-deployment-"));
  const ends: (() => unknown)[] = [() => rm(dir, { recursive: true, force: true })];
  const stop = async (): Promise<void> => {
    for (let end = ends.pop(); end !== undefined; end = ends.pop()) await end();
  };
  try {
    return await assemble(options, { dir, ends, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(
  options: DeploymentOptions,
  scope: { readonly dir: string; readonly ends: (() => unknown)[]; stop(): Promise<void> },
): Promise<Deployment> {
  const { dir, ends, stop } = scope;
  const redis = await startTestRedis(options.redis);
  ends.push(() => redis.stop());
  let aws = await startSimulator(options.simulator);
  let isAwsUp = true;
  ends.push(() => (isAwsUp ? aws.close() : undefined));
  const rootToken = `lh.${randomBytes(24).toString("base64url")}`;
  const env = {
    ...shortTimes,
    LEASEHOLD_REDIS_URL: redis.url,
    LEASEHOLD_ROOT_KEY: randomBytes(32).toString("base64"),
    LEASEHOLD_ROOT_TOKEN: rootToken,
    // All callers of a test come from one address, and some of them guess.
    LEASEHOLD_RATE_LIMIT_FAILURES: "100000",
    AWS_ENDPOINT_URL_IAM: aws.url,
    AWS_ENDPOINT_URL_STS: aws.url,
    ...options.env,
  };
  let connection: Redis | undefined;
  const servers: DeployedServer[] = [];

  const startServer = async (more: Readonly<Record<string, string>> = {}): Promise<DeployedServer> => {
    const process = await startServerProcess({ env: { ...env, ...more } });
    const { clients, close } = clientsOf(process.grpcUrl, rootToken);
    ends.push(async () => {
      close();
      await process.kill();
    });
    const server = { ...process, ...clients };
    servers.push(server);
    return server;
  };
  // All have to have ended their start before any of it can be ended.
  const starts = await Promise.allSettled(Array.from({ length: options.servers ?? 1 }, () => startServer()));
  for (const start of starts) if (start.status === "rejected") throw start.reason;

  const newest = (): DeployedServer => {
    const server = servers.at(-1);
    if (!server) throw new Error("The deployment has no server.");
    return server;
  };

  return {
    redis,
    rootToken,
    env,
    servers,
    startServer,
    get redisConnection() {
      if (!connection) {
        const opened = new Redis(redis.url, { maxRetriesPerRequest: 1 });
        // What goes wrong on it is told by the command that fails.
        opened.on("error", () => {});
        ends.push(() => opened.disconnect());
        connection = opened;
      }
      return connection;
    },
    get server() {
      return newest();
    },
    get aws() {
      return aws;
    },
    async stopAws() {
      await writeFile(join(dir, "simulator.json"), snapshotText(aws.account));
      isAwsUp = false;
      await aws.close();
    },
    async startAws() {
      const { port } = aws;
      aws = await startSimulator({ ...options.simulator, port, snapshotFile: join(dir, "simulator.json") });
      isAwsUp = true;
    },
    async mountAws(path = "aws") {
      const { mounts, secrets } = newest();
      await mounts.mount({ type: "aws", path });
      const data = { access_key: tutorialKey.accessKeyId, secret_key: tutorialKey.secretAccessKey };
      await secrets.write({ path: `${path}/config/root`, data });
    },
    async writeRole({ path = "aws/roles/deploy", fields = {} } = {}) {
      await newest().secrets.write({ path, data: { policy_document: deployPolicy, ...fields } });
    },
    async readCreds({ from = newest(), path = "aws/creds/deploy", ttl, call } = {}) {
      const parameters = ttl === undefined ? {} : { ttl };
      const { data, lease, warnings } = await from.secrets.read({ path, parameters }, call);
      if (!lease) throw new Error(`The read of "${path}" leased nothing.`);
      return leasedKey(data, lease, warnings);
    },
    aliveUsers: () =>
      [...aws.account.users.all()].filter(({ path }) => path === leasedUserPath).map(({ name }) => name),
    isKeyAlive: async (key) => (await whoseKey(aws.url, key)).refusal === undefined,
    countLeases: async (prefix = "") => Number((await newest().leases.count({ prefix })).total),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
