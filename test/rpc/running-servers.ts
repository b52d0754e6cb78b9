import { type Client, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { credentials, Client as GrpcJsClient, Metadata, type ServiceError } from "@grpc/grpc-js";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/leasehold/v1/errors_pb.ts";
import { LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { MountService } from "../../gen/leasehold/v1/mounts_pb.ts";
import { OperatorService } from "../../gen/leasehold/v1/operator_pb.ts";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { createLog } from "../../src/rpc/log.ts";
import { type Servers, type ServersOptions, startServers } from "../../src/rpc/servers.ts";
import { type Answers, type FakeHandle, fakeHandle } from "./fake-handle.ts";

/** Both servers on free loopback ports, on top of a fake handle. */
export interface RunningServers {
  readonly servers: Servers;
  readonly fake: FakeHandle;
  /** What was logged, a line each, parsed. */
  readonly lines: readonly Record<string, unknown>[];
  readonly httpUrl: string;
  readonly grpcUrl: string;
}

/** Starts both servers; the caller closes them. */
export async function runServers(
  answers: Answers = {},
  options: Partial<ServersOptions> = {},
): Promise<RunningServers> {
  const lines: Record<string, unknown>[] = [];
  const fake = fakeHandle(answers);
  const servers = await startServers({
    grpcAddress: { host: "127.0.0.1", port: 0 },
    httpAddress: { host: "127.0.0.1", port: 0 },
    handle: fake.handle,
    log: createLog({ level: "debug", stream: { write: (line) => lines.push(JSON.parse(line)) } }),
    isReady: () => true,
    metricsText: async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }),
    corsOrigins: [],
    ...options,
  });
  const httpUrl = `http://127.0.0.1:${servers.httpPort}`;
  const grpcUrl = `http://127.0.0.1:${servers.grpcPort}`;
  return { servers, fake, lines, httpUrl, grpcUrl };
}

/** Clients of all services over one protocol. */
export interface Clients {
  readonly mounts: Client<typeof MountService>;
  readonly secrets: Client<typeof SecretService>;
  readonly leases: Client<typeof LeaseService>;
  readonly operator: Client<typeof OperatorService>;
}

function clientsOver(transport: Transport): Clients {
  return {
    mounts: createClient(MountService, transport),
    secrets: createClient(SecretService, transport),
    leases: createClient(LeaseService, transport),
    operator: createClient(OperatorService, transport),
  };
}

/** Names of the protocols that the servers speak. */
export const protocols = ["gRPC", "Connect", "Connect with JSON", "gRPC-Web", "gRPC-Web with JSON"] as const;

/** Clients over a protocol, all but the first on the HTTP listener. */
export function clientsOf(running: RunningServers, protocol: (typeof protocols)[number]): Clients {
  const baseUrl = running.httpUrl;
  switch (protocol) {
    case "gRPC":
      return clientsOver(createGrpcTransport({ baseUrl: running.grpcUrl }));
    case "Connect":
      return clientsOver(createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true }));
    case "Connect with JSON":
      return clientsOver(createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }));
    case "gRPC-Web":
      return clientsOver(createGrpcWebTransport({ baseUrl, useBinaryFormat: true }));
    case "gRPC-Web with JSON":
      return clientsOver(createGrpcWebTransport({ baseUrl, useBinaryFormat: false }));
  }
}

/** The error of a call that must fail, with its details. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<{ readonly error: ConnectError; readonly details: readonly ErrorDetail[] }> {
  try {
    await call;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    return { error, details: error.findDetails(ErrorDetailSchema) };
  }
  throw new Error("The call succeeded.");
}

/** Sends bytes as a unary request with the token "t", by grpc-js instead of Connect's client. */
export async function sendOverGrpcJs(
  running: RunningServers,
  path: string,
  bytes: Uint8Array,
): Promise<{ readonly error: ServiceError | null; readonly reply?: Buffer }> {
  const client = new GrpcJsClient(`127.0.0.1:${running.servers.grpcPort}`, credentials.createInsecure());
  const same = (buffer: Buffer) => buffer;
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer t");
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(path, same, same, Buffer.from(bytes), metadata, (error, reply) =>
        resolve({ error, ...(reply === undefined ? {} : { reply }) }),
      );
    });
  } finally {
    client.close();
  }
}

/** Resolves once a condition holds; rejects after five seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadlineMs) throw new Error(`Not so after 5 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
