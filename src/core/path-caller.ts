import { unmounting } from "./begin-lease.ts";
import type { Caller } from "./caller.ts";
import type { JsonObject } from "./json.ts";
import type { Mount } from "./mount.ts";
import type { MountTable } from "./mount-table.ts";
import type { Operation, PathReply } from "./path.ts";
import { normalizeRequestPath } from "./request-path.ts";
import type { RequestContext } from "./requests.ts";
import { operationOf, parseFields, parseParams, routePath } from "./router.ts";

/** What a path answered, and whose path it is. */
export interface PathCall {
  readonly answer: PathReply;
  readonly mount: Mount;
  /** The path with its mount, as it is written without a slash at its end. */
  readonly fullPath: string;
}

/**
 * Makes what routes a request to the handler of a path, its fields read and checked. Throws `INVALID_PATH`, `NO_MOUNT`, `NO_SUCH_PATH`,
 * `UNSUPPORTED_OPERATION`, `UNKNOWN_FIELD`, `INVALID_FIELD`, `MOUNT_UNMOUNTING`, and what the handler throws.
 */
export function createPathCaller(
  mounts: Pick<MountTable, "find">,
): (
  operation: Operation,
  input: { readonly path: string; readonly data: JsonObject },
  context: Pick<RequestContext, "signal" | "peerCertificate">,
  caller: Caller,
) => Promise<PathCall> {
  return async (operation, { path, data }, { signal, peerCertificate }, caller) => {
    const fullPath = normalizeRequestPath(path);
    const { mount, rest } = await mounts.find(fullPath);
    const match = routePath(mount.backend.paths, rest, mount.path);
    const handler = operationOf(match.definition, operation, fullPath);
    const isUnmounting = mount.record.state === "unmounting";
    if (isUnmounting && (operation === "write" || operation === "delete")) throw unmounting(mount.path);
    const answer = await handler.handle({
      path: rest,
      fullPath,
      mountPath: mount.path,
      params: parseParams(match),
      fields: parseFields(match.definition, handler, data),
      data,
      caller,
      signal,
      peerCertificate,
    });
    return { answer, mount, fullPath };
  };
}

/** Tells whether something is stored at a path; undefined where the path cannot tell, or there is no such path. */
export async function pathExists(
  mounts: Pick<MountTable, "find">,
  path: string,
): Promise<boolean | undefined> {
  const { mount, rest } = await mounts.find(path);
  const match = routePath(mount.backend.paths, rest, mount.path);
  return await match.definition.exists?.({ params: parseParams(match) });
}
