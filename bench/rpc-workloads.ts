import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { HealthCheckRequestSchema } from "../gen/health/v1/health_pb.ts";
import { LeaseServiceLookupRequestSchema } from "../gen/leasehold/v1/leases_pb.ts";
import { ReadRequestSchema, ReadResponseSchema } from "../gen/leasehold/v1/secrets_pb.ts";
import { type BenchClient, credsPath, kvPath } from "./bench-client.ts";
import type { BenchWorld, MeasuredServer } from "./bench-world.ts";

/** Names of the workloads, in the order in which they are measured and shown. */
export const rpcWorkloadNames = ["floor", "health", "kvRead", "leaseLookup"] as const;

/** Name of a workload. */
export type RpcWorkloadName = (typeof rpcWorkloadNames)[number];

/** One kind of call, and the server that answers it. */
export interface RpcWorkload {
  readonly name: RpcWorkloadName;
  readonly server: MeasuredServer;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * Prepares the workloads. The floor gets the very bytes of a KV read and answers with the very bytes of its
 * answer, so that all that lies between the two is what leasehold does.
 */
export async function prepareRpcWorkloads(
  { leasehold, startFloor }: BenchWorld,
  { secrets, options }: BenchClient,
): Promise<readonly RpcWorkload[]> {
  const answer = await secrets.read({ path: kvPath }, options);
  const { lease } = await secrets.read({ path: credsPath }, options);
  if (lease === undefined) throw new Error(`Reading ${credsPath} gave no lease to look up.`);
  const floor = await startFloor(grpcMessage(ReadResponseSchema, answer));

  const headers = (path: string, token: string | undefined) => ({
    ":method": "POST",
    ":scheme": "http",
    ":path": path,
    ":authority": new URL(leasehold.grpcUrl).host,
    te: "trailers",
    "content-type": "application/grpc",
    "user-agent": "leasehold-bench",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  });
  const kvRead = {
    headers: headers("/leasehold.v1.SecretService/Read", leasehold.rootToken),
    body: grpcMessage(ReadRequestSchema, create(ReadRequestSchema, { path: kvPath })),
  };
  return [
    { name: "floor", server: floor, ...kvRead },
    {
      name: "health",
      server: leasehold,
      headers: headers("/grpc.health.v1.Health/Check", undefined),
      body: grpcMessage(HealthCheckRequestSchema, create(HealthCheckRequestSchema)),
    },
    { name: "kvRead", server: leasehold, ...kvRead },
    {
      name: "leaseLookup",
      server: leasehold,
      headers: headers("/leasehold.v1.LeaseService/Lookup", leasehold.rootToken),
      body: grpcMessage(
        LeaseServiceLookupRequestSchema,
        create(LeaseServiceLookupRequestSchema, { leaseId: lease.id }),
      ),
    },
  ];
}

/** A message as gRPC sends it: not compressed, its length, its bytes. */
function grpcMessage<Desc extends DescMessage>(desc: Desc, message: MessageShape<Desc>): Uint8Array {
  const bytes = toBinary(desc, message);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}
