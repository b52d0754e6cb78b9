import { unmounting } from "./begin-lease.ts";
import type { Caller } from "./caller.ts";
import { CoreError, quote } from "./errors.ts";
import { invalidField } from "./field.ts";
import { mountHelp, pathHelp } from "./help.ts";
import { idempotencyKeyLengthMax } from "./idempotency.ts";
import type { JsonObject } from "./json.ts";
import type { Lessor } from "./lessor.ts";
import type { MountTable } from "./mount-table.ts";
import type { Operates } from "./operate.ts";
import type { Operation, PathReply } from "./path.ts";
import { createPathCaller } from "./path-caller.ts";
import { normalizeRequestPath } from "./request-path.ts";
import type { RequestContext, SecretReply } from "./requests.ts";
import { findPath, routePath } from "./router.ts";

/** What the operations on paths work with. */
export interface SecretOperationsOptions {
  readonly mounts: MountTable;
  readonly lessor: Lessor;
}

/** Makes the operations on paths: routed to a backend, and leased where that answers with something to issue. */
export function secretOperations({
  mounts,
  lessor,
}: SecretOperationsOptions): Operates<"read" | "write" | "list" | "delete" | "help"> {
  const callPath = createPathCaller(mounts);

  const call = async (
    operation: Operation,
    input: { readonly path: string; readonly data: JsonObject; readonly idempotencyKey?: string },
    context: RequestContext,
    caller: Caller,
  ): Promise<PathReply & { readonly reply: SecretReply }> => {
    const { signal, deadlineMs } = context;
    const idempotencyKey = checkIdempotencyKey(input.idempotencyKey);
    const { answer, mount, fullPath } = await callPath(operation, input, context, caller);
    const warnings = answer.warnings ?? [];
    if (answer.login) throw loginsAreElsewhere(fullPath);
    if (answer.issue && mount.record.state === "unmounting") throw unmounting(mount.path);
    if (!answer.issue) {
      if (idempotencyKey !== undefined) throw issuesNothing(fullPath);
      return { ...answer, reply: { data: answer.data, lease: undefined, warnings } };
    }
    const { issue } = answer;
    const asked = { issue, caller, idempotencyKey, signal, deadlineMs };
    const issued = await lessor.issue({ mount, path: fullPath, ...asked });
    const { secret, lease } = issued;
    return { ...answer, reply: { data: secret, lease, warnings: [...warnings, ...issued.warnings] } };
  };

  return {
    read: async (input, context, caller) => (await call("read", input, context, caller)).reply,
    write: async (input, context, caller) => (await call("write", input, context, caller)).reply,
    async list({ path }, context, caller) {
      const { keys } = await call("list", { path, data: {} }, context, caller);
      return { keys: keys ?? [] };
    },
    async delete({ path }, context, caller) {
      const { warnings } = await call("delete", { path, data: {} }, context, caller);
      return { warnings: warnings ?? [] };
    },
    async help({ path }) {
      const { mount, rest } = await mounts.find(normalizeRequestPath(path));
      const { paths } = mount.backend;
      const match = rest === "" ? undefined : (findPath(paths, rest) ?? routePath(paths, rest, mount.path));
      return match ? pathHelp(mount.path, match.definition) : mountHelp(mount.path, mount.type, paths);
    },
  };
}

/** An idempotency key that can be used; none for an empty one, which is what a message without it has. */
function checkIdempotencyKey(key: string | undefined): string | undefined {
  if (key === undefined || key === "") return undefined;
  if (key.length <= idempotencyKeyLengthMax) return key;
  throw invalidField(
    "idempotency_key",
    `must be at most ${idempotencyKeyLengthMax} characters; it has ${key.length}.`,
  );
}

function issuesNothing(path: string): CoreError {
  return invalidField(
    "idempotency_key",
    `is for paths that issue a secret, and ${quote(path)} does not. Leave it out.`,
  );
}

function loginsAreElsewhere(path: string): CoreError {
  return new CoreError(
    "UNSUPPORTED_OPERATION",
    `unsupported operation: ${quote(path)} is a login, which is not written to. Use "leasehold login", or AuthService.Login.`,
    { details: { path } },
  );
}
