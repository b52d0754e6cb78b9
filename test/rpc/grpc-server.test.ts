import { create, fromBinary, type Message, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ServerReflection as ReflectionV1,
  type ServerReflectionRequestSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/health/v1/health_pb.ts";
import { ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";
import { ReadRequestSchema, ReadResponseSchema, SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { methodDefinition } from "../../src/rpc/grpc-definition.ts";
import {
  clientsOf,
  failureOf,
  type RunningServers,
  runServers,
  sendOverGrpcJs,
  until,
} from "./running-servers.ts";

let running: RunningServers;
beforeAll(async () => {
  const answers = { read: () => ({ data: { a: 1 }, lease: undefined, warnings: [] }) };
  running = await runServers(answers, { limits: { healthWatchersMax: 2 } });
});
afterAll(() => running.servers.close());

const transport = () => createGrpcTransport({ baseUrl: running.grpcUrl });

const sendBytes = (path: string, bytes: Uint8Array) => sendOverGrpcJs(running, path, bytes);

describe("the gRPC server", () => {
  const path = "/leasehold.v1.SecretService/Read";

  test("answers a client made by grpc-js from the same definitions", async () => {
    const definition = methodDefinition(SecretService.method.read);
    expect(definition).toMatchObject({ path, requestStream: false, responseStream: false });
    const request = definition.requestSerialize({
      $typeName: ReadRequestSchema.typeName,
      path: "a",
    } as Message);
    const { error, reply } = await sendBytes(path, request);
    expect(error).toBeNull();
    expect(fromBinary(ReadResponseSchema, reply ?? Buffer.alloc(0)).data).toEqual({ a: 1 });
    expect(running.fake.asked.at(-1)?.context).toMatchObject({
      token: "t",
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
  });

  test("refuses bytes that are no message as INVALID_FIELD, and does not ask the core", async () => {
    const before = running.fake.asked.length;
    const { error } = await sendBytes(path, Buffer.from([0xff, 0xff, 0xff]));
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    expect(error?.metadata.get("grpc-status-details-bin")).toHaveLength(1);
    expect(running.fake.asked).toHaveLength(before);
  });

  test("refuses a message that nests beyond all reason", async () => {
    // Struct{fields{value{struct{…}}}}: 3 messages a level, 120 levels.
    let struct: Uint8Array = Buffer.alloc(0);
    for (let level = 0; level < 120; level++) {
      const tagged = (tag: number, bytes: Uint8Array) => {
        const length =
          bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
        return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
      };
      struct = tagged(0x0a, Buffer.concat([Buffer.from([0x0a, 1, 97]), tagged(0x12, tagged(0x2a, struct))]));
    }
    const length = [(struct.length & 0x7f) | 0x80, struct.length >> 7];
    const { error } = await sendBytes(path, Buffer.concat([Buffer.from([0x12, ...length]), struct]));
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
  });

  test("refuses a number that JSON cannot write", async () => {
    // ReadRequest{parameters: Struct{n: NaN}}
    const value = Buffer.from([0x12, 9, 0x11, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]);
    const entry = Buffer.concat([Buffer.from([0x0a, 3 + value.length, 0x0a, 1, 110]), value]);
    const { error } = await sendBytes(path, Buffer.concat([Buffer.from([0x12, entry.length]), entry]));
    expect(error?.details).toBe(
      'Field "parameters.n" holds a number that is not finite, which JSON cannot write.',
    );
  });

  test("answers an RPC that does not exist with UNIMPLEMENTED, to which grpc-js adds no detail", async () => {
    const { error } = await sendBytes(
      "/leasehold.v1.SecretService/Nope",
      toBinary(ReadRequestSchema, create(ReadRequestSchema)),
    );
    expect(error?.code).toBe(status.UNIMPLEMENTED);
  });
});

describe("grpc.health.v1", () => {
  test("says SERVING or NOT_SERVING for the server and each service", async () => {
    const health = createClient(Health, transport());
    for (const isServing of [false, true]) {
      running.servers.setServing(isServing);
      const expected = isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      for (const service of [
        "",
        "leasehold.v1.MountService",
        "leasehold.v1.SecretService",
        "leasehold.v1.LeaseService",
        "leasehold.v1.OperatorService",
      ]) {
        expect((await health.check({ service })).status, service).toBe(expected);
      }
      const { statuses } = await health.list({});
      expect(Object.keys(statuses)).toHaveLength(8);
      expect(statuses["leasehold.v1.LeaseService"]?.status).toBe(expected);
    }
  });

  test("does not know other services", async () => {
    const { error, details } = await failureOf(createClient(Health, transport()).check({ service: "nope" }));
    expect(error.rawMessage).toBe('There is no service "nope".');
    expect(details).toMatchObject([{ reason: ErrorReason.NO_SUCH_PATH }]);
  });

  test("tells watchers of a change, and takes no more of them than its limit", async () => {
    running.servers.setServing(true);
    const health = createClient(Health, transport());
    const stop = new AbortController();
    const watch = (service: string) =>
      health.watch({ service }, { signal: stop.signal })[Symbol.asyncIterator]();
    const [all, unknown] = [watch(""), watch("nope")];
    expect((await all.next()).value?.status).toBe(ServingStatus.SERVING);
    expect((await unknown.next()).value?.status).toBe(ServingStatus.SERVICE_UNKNOWN);
    const { details } = await failureOf(watch("").next());
    expect(details).toMatchObject([{ reason: ErrorReason.LIMIT_EXCEEDED }]);
    running.servers.setServing(false);
    expect((await all.next()).value?.status).toBe(ServingStatus.NOT_SERVING);
    stop.abort();
    await failureOf(all.next());
    const again = new AbortController();
    let isBack = false;
    await until(() => {
      void health
        .watch({ service: "" }, { signal: again.signal })
        [Symbol.asyncIterator]()
        .next()
        .then(() => {
          isBack = true;
        })
        .catch(() => undefined);
      return isBack;
    });
    again.abort();
  });
});

describe.each([
  ["v1", ReflectionV1],
  ["v1alpha", ReflectionV1Alpha],
] as const)("grpc.reflection.%s", (_name, service) => {
  type Ask = MessageInitShape<typeof ServerReflectionRequestSchema>;

  async function ask(messageRequest: NonNullable<Ask["messageRequest"]>) {
    async function* once(): AsyncGenerator<Ask> {
      yield { messageRequest } as Ask;
    }
    const client = createClient(service as typeof ReflectionV1, transport());
    for await (const reply of client.serverReflectionInfo(once())) return reply.messageResponse;
    throw new Error("The server did not answer.");
  }

  async function filesOf(symbol: string): Promise<FileDescriptorProto[]> {
    const reply = await ask({ case: "fileContainingSymbol", value: symbol });
    if (reply.case !== "fileDescriptorResponse") throw new Error(`It answered ${reply.case}.`);
    return reply.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  }

  test("lists the services of the product, of health and of reflection", async () => {
    const reply = await ask({ case: "listServices", value: "" });
    if (reply.case !== "listServicesResponse") throw new Error(`It answered ${reply.case}.`);
    expect(reply.value.service.map(({ name }) => name).sort()).toEqual([
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "leasehold.v1.AuditService",
      "leasehold.v1.AuthService",
      "leasehold.v1.LeaseService",
      "leasehold.v1.MountService",
      "leasehold.v1.OperatorService",
      "leasehold.v1.PolicyService",
      "leasehold.v1.SecretService",
    ]);
  });

  test("gives every file that a client needs to call: all imports can be had by name", async () => {
    const files = new Map<string, FileDescriptorProto>();
    for (const symbol of [
      "leasehold.v1.MountService",
      "leasehold.v1.SecretService",
      "leasehold.v1.LeaseService",
      "leasehold.v1.OperatorService",
    ]) {
      for (const file of await filesOf(symbol)) files.set(file.name, file);
    }
    for (const file of files.values()) {
      for (const name of file.dependency) {
        if (files.has(name)) continue;
        const reply = await ask({ case: "fileByFilename", value: name });
        expect(reply.case, name).toBe("fileDescriptorResponse");
      }
    }
    const names = [...files.keys()];
    for (const type of ["struct", "duration", "timestamp"])
      expect(names).toContain(`google/protobuf/${type}.proto`);
  });

  test("knows the type that errors carry", async () => {
    const files = await filesOf("leasehold.v1.ErrorDetail");
    expect(files.map(({ name }) => name)).toContain("leasehold/v1/errors.proto");
  });
});

test("health and reflection need no token, and the core is not asked", async () => {
  const before = running.fake.asked.length;
  await createClient(Health, transport()).check({});
  expect(running.fake.asked).toHaveLength(before);
  await clientsOf(running, "gRPC").secrets.read({ path: "a" });
  expect(running.fake.asked.at(-1)?.context.token).toBeUndefined();
});
