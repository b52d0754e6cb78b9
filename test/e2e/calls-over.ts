import type { JsonObject } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import { LeaseService } from "../../gen/leasehold/v1/leases_pb.ts";
import { MountService } from "../../gen/leasehold/v1/mounts_pb.ts";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";

/** The calls of a caller over a protocol, in short, with the `authorization` header that the caller sends. */
export function callsOver(transport: Transport, authorization: string | undefined) {
  const mounts = createClient(MountService, transport);
  const secrets = createClient(SecretService, transport);
  const leases = createClient(LeaseService, transport);
  const call = { headers: authorization === undefined ? {} : { authorization } };
  return {
    mount: (type: string, path: string) => mounts.mount({ type, path }, call),
    tune: (path: string, seconds: bigint) =>
      mounts.tuneMount({ path, tuning: { defaultTtl: { seconds } } }, call),
    unmount: (path: string) => mounts.unmount({ path }, call),
    read: (path: string, parameters: JsonObject = {}) => secrets.read({ path, parameters }, call),
    write: (path: string, data: JsonObject) => secrets.write({ path, data }, call),
    list: (path: string) => secrets.list({ path }, call),
    help: (path: string) => secrets.help({ path }, call),
    lookup: (leaseId: string) => leases.lookup({ leaseId }, call),
    listLeases: (pageSize: number) => leases.list({ pageSize }, call),
    renew: (leaseId: string, seconds: bigint) => leases.renew({ leaseId, increment: { seconds } }, call),
    revoke: (leaseId: string) => leases.revoke({ leaseId }, call),
    revokePrefix: (prefix: string) => leases.revokePrefix({ prefix }, call),
  };
}

/** What `callsOver` answers. */
export type Calls = ReturnType<typeof callsOver>;
