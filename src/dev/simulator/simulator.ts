import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, isIP } from "node:net";
import { Account } from "./account.ts";
import { newUser } from "./actions/users.ts";
import { awsError } from "./aws-error.ts";
import { CallLog } from "./call-log.ts";
import { controlPath, describeState, handleControl } from "./control-endpoint.ts";
import { Faults } from "./faults.ts";
import { renderError } from "./protocol.ts";
import { QueryEndpoint } from "./query-endpoint.ts";
import { awsQuotas, type Quotas } from "./quotas.ts";
import { loadSnapshot } from "./snapshot.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";

/** A long-lived access key, as a person types it. */
export interface KeyPair {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** How an AWS simulator is started; everything has a default. */
export interface SimulatorOptions {
  /** A loopback address; by default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0, the default, is any free port. */
  readonly port?: number | undefined;
  readonly accountId?: string | undefined;
  /** The key of the account's administrator; by default the one of the tutorial. */
  readonly adminKey?: KeyPair | undefined;
  /** Where the account is kept between runs; by default nowhere. */
  readonly snapshotFile?: string | undefined;
  /** The clock, in milliseconds since 1970; it also tells whether a signature is too old. */
  readonly nowMs?: (() => number) | undefined;
  readonly quotas?: Partial<Quotas> | undefined;
}

/** An AWS simulator that listens. */
export interface Simulator {
  /** Where clients send IAM, STS and EC2 calls. */
  readonly url: string;
  readonly port: number;
  readonly account: Account;
  readonly faults: Faults;
  readonly calls: CallLog;
  /** The account without secrets. */
  readonly state: () => ReturnType<typeof describeState>;
  /** Stops listening, cuts connections and writes the snapshot. */
  readonly close: () => Promise<void>;
}

/** The access key of the tutorial, which the simulator knows as its administrator's. It opens nothing elsewhere. */
export const tutorialKey: KeyPair = {
  accessKeyId: "AKIAI4SGLQPBX6CSENIQ",
  secretAccessKey: "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",
};

/** The name of the account's administrator. */
export const adminUserName = "leasehold-admin";

/** AWS's limit of an IAM call is lower; this one only keeps memory bounded. */
const bodyBytesMax = 1 << 20;

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function addAdmin(account: Account, key: KeyPair): void {
  const nowMs = account.nowMs();
  const admin = newUser({ name: adminUserName, path: "/", createdAtMs: nowMs, visibleAtMs: 0 });
  admin.attachedPolicies.add("arn:aws:iam::aws:policy/AdministratorAccess");
  account.addUser(admin);
  account.addKey(admin, {
    id: key.accessKeyId,
    secret: key.secretAccessKey,
    status: "Active",
    createdAtMs: nowMs,
    visibleAtMs: 0,
    lastUsed: undefined,
  });
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

interface Exchange {
  readonly path: string;
  readonly query: string;
  readonly body: Buffer;
}

async function answerQuery(
  endpoint: QueryEndpoint,
  request: IncomingMessage,
  response: ServerResponse,
  exchange: Exchange,
) {
  const { path, query, body } = exchange;
  const signed = { method: request.method ?? "", path, query, headers: request.headersDistinct, body };
  const sourceIp = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const { requestId, answer } = await endpoint.handle(signed, sourceIp);
  if (answer === "lose-reply") {
    request.socket.destroy();
    return;
  }
  response.writeHead(answer.status, { "content-type": "text/xml", "x-amzn-requestid": requestId });
  response.end(answer.body);
}

function answerTooLarge(response: ServerResponse): void {
  const error = awsError("RequestEntityTooLarge", `The request is longer than ${bodyBytesMax} bytes.`);
  const { status, body } = renderError("iam", error, "");
  response.writeHead(status, { "content-type": "text/xml", connection: "close" });
  response.end(body);
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (address === null || typeof address === "string")
        reject(new Error("The server has no TCP address."));
      else resolve(address);
    });
  });
}

/**
 * Starts an AWS simulator: a server on the loopback interface that speaks AWS's Query protocol for IAM and STS, and
 * enough of EC2 to try a key on, for any client with an endpoint override.
 *
 * @throws Error for a host that is not loopback, a port that is taken, or a snapshot that cannot be read.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = "127.0.0.1", port = 0, accountId = "123456789012", snapshotFile } = options;
  if (!isLoopback(host)) {
    throw new Error(
      `Cannot listen on "${host}": the AWS simulator serves loopback addresses only, such as 127.0.0.1.`,
    );
  }
  if (!/^\d{12}$/.test(accountId)) {
    throw new Error(`Account id "${accountId}" is no AWS account id: it must be twelve digits.`);
  }
  const nowMs = options.nowMs ?? Date.now;
  const account = new Account({ id: accountId, nowMs, quotas: { ...awsQuotas, ...options.quotas } });
  const isRestored = snapshotFile !== undefined && (await loadSnapshot(account, snapshotFile));
  const writer = snapshotFile === undefined ? undefined : new SnapshotWriter(account, snapshotFile);
  if (!isRestored) {
    addAdmin(account, options.adminKey ?? tutorialKey);
    writer?.changed();
  }

  const faults = new Faults(nowMs);
  const calls = new CallLog();
  const endpoint = new QueryEndpoint({ account, faults, calls, onChange: () => writer?.changed() });
  const control = { account, faults, calls, writeSnapshot: writer && (() => writer.flush()) };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "/", query = ""] = (request.url ?? "/").split(/\?(.*)/s);
    const body = await readBody(request);
    if (body === undefined) {
      answerTooLarge(response);
      return;
    }
    if (!path.startsWith(controlPath)) {
      await answerQuery(endpoint, request, response, { path, query, body });
      return;
    }
    // A web page in the developer's browser must not reach the knobs.
    const { status, body: json } =
      request.headers.origin === undefined
        ? await handleControl(control, { method: request.method ?? "", path, query, body: body.toString() })
        : { status: 403, body: { error: "The control endpoint does not serve web pages." } };
    response.writeHead(status, { "content-type": "application/json" });
    response.end(`${JSON.stringify(json)}\n`);
  }

  const server = createServer((request, response) => {
    // What fails here is the connection itself, or the snapshot's disk: the client learns it as a cut connection.
    answer(request, response).catch(() => request.socket.destroy());
  });
  // Longer than the idle time of SDK agents, so that none of them writes into a closing connection.
  server.keepAliveTimeout = 65_000;
  const address = await listen(server, host, port);

  return {
    url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    port: address.port,
    account,
    faults,
    calls,
    state: () => describeState(account),
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await writer?.close();
    },
  };
}
