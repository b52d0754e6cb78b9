import type { JsonObject } from "../json.ts";
import { normalizeMountPath, normalizeRequestPath } from "../request-path.ts";
import type { OperationName, Operations } from "../requests.ts";

/** What a policy can allow at a path. */
export type RightName = "create" | "read" | "update" | "patch" | "delete" | "list" | "sudo";

/** What a caller needs for an operation. */
export interface Right {
  /** Path that the policies are asked about. */
  readonly path: string;
  /** All of these are needed. `write` stands for `create` where nothing is at the path yet, and for `update` otherwise. */
  readonly capabilities: readonly (RightName | "write")[];
  /** The fields of the request, which policies can limit. */
  readonly parameters?: JsonObject;
  /** Id of a lease whose maker needs no right. */
  readonly orMakerOf?: string;
}

/** What an operation needs: a right, nothing but a token, or not even that. */
export type Need = Right | "token" | "nothing";

type Rights = { readonly [Name in OperationName]: (input: Operations[Name]["input"]) => Need };

const right = (path: string, ...capabilities: Right["capabilities"]): Right => ({ path, capabilities });

const lease = (verb: string, leaseId: string): Right => ({
  ...right(`sys/leases/${verb}/${leaseId}`, "update"),
  orMakerOf: leaseId,
});

/**
 * What each operation needs, by paths like those that Vault documents. An operation without a line here does not compile, so
 * nothing can be reached that nobody decided about.
 */
export const operationRights: Rights = {
  mount: ({ type, path }) => right(`sys/mounts/${normalizeMountPath(path === "" ? type : path)}`, "update"),
  unmount: ({ path }) => right(`sys/mounts/${normalizeMountPath(path)}`, "delete"),
  listMounts: () => right("sys/mounts", "read"),
  tuneMount: ({ path }) => right(`sys/mounts/${normalizeMountPath(path)}/tune`, "update"),
  read: ({ path, data }) => ({ ...right(normalizeRequestPath(path), "read"), parameters: data }),
  write: ({ path, data }) => ({ ...right(normalizeRequestPath(path), "write"), parameters: data }),
  list: ({ path }) => right(`${normalizeRequestPath(path)}/`, "list"),
  delete: ({ path }) => right(normalizeRequestPath(path), "delete"),
  help: () => "token",
  lookupLease: ({ leaseId }) => lease("lookup", leaseId),
  renewLease: ({ leaseId }) => lease("renew", leaseId),
  revokeLease: ({ leaseId }) => lease("revoke", leaseId),
  retryLease: ({ leaseId }) => lease("retry", leaseId),
  forgetLease: ({ leaseId }) => right(`sys/leases/forget/${leaseId}`, "update", "sudo"),
  listLeases: ({ prefix }) => right(`sys/leases/list/${prefix}`, "list"),
  countLeases: ({ prefix }) => right(`sys/leases/count/${prefix}`, "list"),
  watchLeases: ({ prefix }) => right(`sys/leases/watch/${prefix}`, "read"),
  revokePrefix: ({ prefix }) =>
    right(`sys/leases/revoke-prefix/${normalizeRequestPath(prefix)}`, "update", "sudo"),
  operatorStatus: () => right("sys/operator/status", "read"),
  rotateKeyring: () => right("sys/operator/rotate", "update", "sudo"),
  rekeyKeyring: () => right("sys/operator/rekey", "update", "sudo"),
  operatorResume: () => right("sys/operator/resume", "update", "sudo"),
  createToken: ({ isOrphan }) =>
    isOrphan ? right("auth/token/create-orphan", "update", "sudo") : right("auth/token/create", "update"),
  writePolicy: ({ name }) => right(`sys/policies/acl/${name}`, "update"),
  readPolicy: ({ name }) => right(`sys/policies/acl/${name}`, "read"),
  deletePolicy: ({ name }) => right(`sys/policies/acl/${name}`, "delete"),
  listPolicies: () => right("sys/policies/acl/", "list"),
  testPolicy: () => right("sys/policies/test", "update"),
  enableAudit: ({ name }) => right(`sys/audit/${name}`, "update", "sudo"),
  disableAudit: ({ name }) => right(`sys/audit/${name}`, "delete", "sudo"),
  listAudits: () => right("sys/audit/", "list", "sudo"),
  hashAudit: ({ name }) => right(`sys/audit-hash/${name}`, "update"),
  login: () => "nothing",
  lookupSelf: () => right("auth/token/lookup-self", "read"),
  renewSelf: () => right("auth/token/renew-self", "update"),
  revokeSelf: () => right("auth/token/revoke-self", "update"),
  lookupToken: () => right("auth/token/lookup-accessor", "update"),
  revokeToken: () => right("auth/token/revoke-accessor", "update"),
  listTokens: () => right("auth/token/accessors/", "list", "sudo"),
};
