import type { JsonObject } from "@bufbuild/protobuf";
import { type CallOptions, type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { LeaseService } from "../gen/leasehold/v1/leases_pb.ts";
import { MountService } from "../gen/leasehold/v1/mounts_pb.ts";
import { SecretService } from "../gen/leasehold/v1/secrets_pb.ts";
import { adminKey, policyDocument } from "./aws-account.ts";

/** Path of the KV secret that is read: one field of 64 bytes. */
export const kvPath = "secret/bench";
/** Path that issues keys of a role with an inline policy. */
export const credsPath = "aws/creds/deploy";

/** A client of the server for what is not measured by the load. */
export interface BenchClient {
  readonly secrets: Client<typeof SecretService>;
  readonly leases: Client<typeof LeaseService>;
  /** Token and a bound on the time, for every call. */
  readonly options: CallOptions;
}

/** Makes a client. It lets go of its connection by itself. */
export async function createBenchClient(server: {
  readonly grpcUrl: string;
  readonly rootToken: string;
}): Promise<BenchClient> {
  const transport = createGrpcTransport({ baseUrl: server.grpcUrl, idleConnectionTimeoutMs: 500 });
  const options = { headers: { authorization: `Bearer ${server.rootToken}` }, timeoutMs: 10_000 };
  const secrets = createClient(SecretService, transport);
  const mounts = createClient(MountService, transport);
  const write = (path: string, data: JsonObject) => secrets.write({ path, data }, options);
  await mounts.mount({ type: "kv", path: "secret" }, options);
  await write(kvPath, { value: "v".repeat(64) });
  await mounts.mount({ type: "aws" }, options);
  await write("aws/config/root", adminKey);
  await write("aws/roles/deploy", { policy_document: policyDocument });
  return { secrets, leases: createClient(LeaseService, transport), options };
}
