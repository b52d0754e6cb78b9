import type { Caller } from "./caller.ts";
import { CoreError, type ErrorCode, quote } from "./errors.ts";
import { mountHelp, pathHelp } from "./help.ts";
import type { JsonObject } from "./json.ts";
import type { LeaseDesk } from "./lease-desk.ts";
import type { LeaseQuery } from "./lease-query.ts";
import { type Lessor, unmounting } from "./lessor.ts";
import type { MassRevoker } from "./mass-revoker.ts";
import { viewMount } from "./mount.ts";
import type { MountTable } from "./mount-table.ts";
import type { Operation, PathReply } from "./path.ts";
import { normalizeMountPath, normalizeRequestPath } from "./request-path.ts";
import type { Handle, OperationName, Operations, RequestContext, SecretReply } from "./requests.ts";
import { findPath, operationOf, parseFields, parseParams, routePath } from "./router.ts";
import type { Telemetry } from "./telemetry.ts";
import type { Authenticate } from "./token.ts";
import { changedTuning } from "./tuning.ts";
import type { Unmounter } from "./unmounter.ts";

/** Time kept back from the caller's deadline, so that the answer still reaches the caller. */
const answerMs = 1000;
/** The longest that a caller can wait for the leases under a prefix to be gone. */
const revokePrefixMsMax = 600_000;

/** What `handle` works with. */
export interface HandleOptions {
  readonly authenticate: Authenticate;
  readonly mounts: MountTable;
  readonly lessor: Lessor;
  readonly leaseDesk: LeaseDesk;
  readonly leaseQuery: LeaseQuery;
  readonly massRevoker: MassRevoker;
  readonly unmounter: Unmounter;
  readonly telemetry: Telemetry;
  readonly nowMs: () => number;
  /** Called when the mounts have changed. */
  readonly onMountsChanged: () => void;
}

type Operate<Name extends OperationName> = (
  input: Operations[Name]["input"],
  context: RequestContext,
  caller: Caller,
) => Promise<Operations[Name]["output"]>;

/** Makes the single way in. No operation can be reached around the token check, the routing, or the telemetry. */
export function createHandle(options: HandleOptions): Handle {
  const { authenticate, telemetry } = options;
  const operations: { readonly [Name in OperationName]: Operate<Name> } = {
    ...mountOperations(options),
    ...secretOperations(options),
    ...leaseOperations(options),
  };
  return async (name, input, context) => {
    let outcome: ErrorCode | "OK" = "OK";
    try {
      const caller = authenticate(context.token);
      return await operations[name](input, context, caller);
    } catch (error) {
      outcome = error instanceof CoreError ? error.code : "INTERNAL";
      throw error;
    } finally {
      telemetry.handled(name, outcome);
    }
  };
}

type MountOperations = "mount" | "unmount" | "listMounts" | "tuneMount";

function mountOperations(options: HandleOptions): { readonly [Name in MountOperations]: Operate<Name> } {
  const { mounts, unmounter, onMountsChanged } = options;
  return {
    async mount(input) {
      const mount = await mounts.add(input);
      onMountsChanged();
      return viewMount(mount);
    },
    async unmount({ path }, { signal, deadlineMs }) {
      const answer = await unmounter.unmount(path, { signal, deadlineMs });
      onMountsChanged();
      return answer;
    },
    async listMounts() {
      await mounts.refresh();
      return mounts.all().map(viewMount);
    },
    async tuneMount({ path, description, tuning }) {
      const mount = await mounts.change(normalizeMountPath(path), (record) => ({
        ...record,
        description: description ?? record.description,
        tuning: changedTuning(record.tuning, tuning),
      }));
      return viewMount(mount);
    },
  };
}

type SecretOperations = "read" | "write" | "list" | "delete" | "help";

function secretOperations({ mounts, lessor }: HandleOptions): {
  readonly [Name in SecretOperations]: Operate<Name>;
} {
  const call = async (
    operation: Operation,
    input: { readonly path: string; readonly data: JsonObject },
    { signal }: RequestContext,
    caller: Caller,
  ): Promise<PathReply & { readonly reply: SecretReply }> => {
    const fullPath = normalizeRequestPath(input.path);
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
      fields: parseFields(match.definition, handler, input.data),
      data: input.data,
      caller,
      signal,
    });
    const warnings = answer.warnings ?? [];
    if (answer.issue && isUnmounting) throw unmounting(mount.path);
    if (!answer.issue) return { ...answer, reply: { data: answer.data, lease: undefined, warnings } };
    const issued = await lessor.issue({ mount, path: fullPath, issue: answer.issue, caller, signal });
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

type LeaseOperations =
  | "lookupLease"
  | "listLeases"
  | "renewLease"
  | "revokeLease"
  | "revokePrefix"
  | "countLeases";

function leaseOperations(options: HandleOptions): { readonly [Name in LeaseOperations]: Operate<Name> } {
  const { leaseDesk, leaseQuery, massRevoker, nowMs } = options;
  return {
    lookupLease: ({ leaseId }) => leaseDesk.lookup(leaseId),
    listLeases: (input) => leaseQuery.list(input),
    countLeases: ({ prefix }) => leaseQuery.count(prefix),
    renewLease: ({ leaseId, incrementMs }, { signal }) => leaseDesk.renew(leaseId, { incrementMs, signal }),
    async revokeLease({ leaseId }, { signal, deadlineMs }) {
      await leaseDesk.revoke(leaseId, { signal, deadlineMs });
      return { warnings: [] };
    },
    async revokePrefix({ prefix }, { signal, deadlineMs }) {
      // A folder, so that "aws/creds/deploy" does not take the leases of "aws/creds/deploy-eu" along.
      const folder = `${normalizeRequestPath(prefix)}/`;
      const mounts = await leaseQuery.mountsUnder(folder);
      if (mounts.length === 0) throw noLeasesUnder(prefix);
      const states = ["issuing", "active", "revoking", "irrevocable"] as const;
      const untilMs = Math.min(deadlineMs - answerMs, nowMs() + revokePrefixMsMax);
      // Side by side, so that a mount whose vendor hangs takes no time from the others.
      const outcomes = await Promise.all(
        mounts.map((mount) => massRevoker.revokeAll({ mount, prefix: folder, states, untilMs, signal })),
      );
      return {
        revoked: outcomes.reduce((sum, outcome) => sum + outcome.revoked, 0),
        pending: outcomes.reduce((sum, outcome) => sum + outcome.pending, 0),
      };
    },
  };
}

function noLeasesUnder(prefix: string): CoreError {
  return new CoreError(
    "NO_MOUNT",
    `No mount lies at, above or below ${quote(prefix)}, so no lease starts with it.`,
    {
      details: { path: prefix },
    },
  );
}
