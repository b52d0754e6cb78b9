import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { MountService } from "../gen/leasehold/v1/mounts_pb.ts";

/** The name under which Redis keeps what belongs to a mount. Throws where there is no mount at the path. */
export async function mountAccessor(
  server: { readonly grpcUrl: string; readonly rootToken: string },
  path: string,
): Promise<string> {
  const transport = createGrpcTransport({ baseUrl: server.grpcUrl, idleConnectionTimeoutMs: 500 });
  const headers = { authorization: `Bearer ${server.rootToken}` };
  const { mounts } = await createClient(MountService, transport).listMounts(
    {},
    { headers, timeoutMs: 10_000 },
  );
  const mount = mounts.find((each) => each.path.replace(/\/$/, "") === path);
  if (mount === undefined) throw new Error(`There is no mount at "${path}".`);
  return mount.accessor;
}
