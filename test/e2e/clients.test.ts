import { create, type MessageShape } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { credentials, Metadata, makeGenericClientConstructor, type ServiceError } from "@grpc/grpc-js";
import { beforeAll, expect, it } from "vitest";
import { ReadRequestSchema, type ReadResponse, SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { serviceDefinition } from "../../src/rpc/grpc-definition.ts";
import { type Deployment, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";

beforeAll(testRedisExecutable, 180_000);

type Read = (path: string) => Promise<Pick<ReadResponse, "data">>;

function readByGrpcWeb({ server, rootToken }: Deployment): Read {
  const secrets = createClient(SecretService, createGrpcWebTransport({ baseUrl: server.httpUrl }));
  return (path) => secrets.read({ path }, { headers: { authorization: `Bearer ${rootToken}` } });
}

function readByJson({ server, rootToken }: Deployment): Read {
  return async (path) => {
    const reply = await fetch(`${server.httpUrl}/leasehold.v1.SecretService/Read`, {
      method: "POST",
      body: JSON.stringify({ path }),
      headers: { authorization: `Bearer ${rootToken}`, "content-type": "application/json" },
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(text);
    return JSON.parse(text);
  };
}

type GrpcJsRead = (
  request: MessageShape<typeof ReadRequestSchema>,
  metadata: Metadata,
  callback: (error: ServiceError | null, response?: ReadResponse) => void,
) => void;

/** By a client class as grpc-js makes it from a service's definition. */
function readByGrpcJs({ server, rootToken }: Deployment): { readonly read: Read; close(): void } {
  const SecretClient = makeGenericClientConstructor(serviceDefinition(SecretService), "SecretService");
  const client = new SecretClient(new URL(server.grpcUrl).host, credentials.createInsecure());
  const call = client["Read"] as unknown as GrpcJsRead;
  const metadata = new Metadata();
  metadata.set("authorization", `Bearer ${rootToken}`);
  const read: Read = (path) =>
    new Promise((resolve, reject) => {
      call.call(client, create(ReadRequestSchema, { path }), metadata, (error, response) => {
        if (response) resolve(response);
        else reject(error);
      });
    });
  return { read, close: () => client.close() };
}

it("gRPC, gRPC-Web and JSON clients do the same read, and are refused alike", {
  timeout: 30_000,
}, async () => {
  await using deployment = await deploy();
  await deployment.mountAws();
  await deployment.writeRole();
  const grpcJs = readByGrpcJs(deployment);
  const reads: Readonly<Record<string, Read>> = {
    "grpc-js": grpcJs.read,
    "gRPC-Web": readByGrpcWeb(deployment),
    "fetch and JSON": readByJson(deployment),
  };
  const accessKeyIds = new Set<string>();
  for (const [name, read] of Object.entries(reads)) {
    const { data } = await read("aws/creds/deploy");
    const key = { accessKeyId: String(data?.["access_key"]), secretAccessKey: String(data?.["secret_key"]) };
    expect({ name, isAlive: await deployment.isKeyAlive(key) }).toEqual({ name, isAlive: true });
    accessKeyIds.add(key.accessKeyId);
    const refusal = await read("aws/creds/nobody").catch(String);
    expect(refusal).toMatch(/There is no role .*nobody.* at /);
  }
  grpcJs.close();
  expect(accessKeyIds.size).toBe(3);
  const { revoked } = await deployment.server.leases.revokePrefix({ prefix: "aws/creds/deploy" });
  expect(revoked).toBe(3n);
  expect(deployment.aliveUsers()).toEqual([]);
});
