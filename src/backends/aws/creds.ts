import type { DefinedSecretType, Issue } from "../../core/backend.ts";
import { quote } from "../../core/errors.ts";
import { boolField, durationField, type FieldValues, invalidField, stringField } from "../../core/field.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition, type PathOperation } from "../../core/path.ts";
import { type LeaseConfig, readLeaseConfig } from "./config-lease.ts";
import { defaultGuardGraceMs } from "./guard.ts";
import { type Role, readRole, roleNamePattern } from "./role.ts";
import type { OpenRoot, RootAccess } from "./root-access.ts";
import { sessionIssueOf } from "./sts/session-issuer.ts";
import { refuseSessionFields, sessionFields } from "./sts/session-request.ts";
import type { SessionTypes } from "./sts/session-types.ts";
import { checkCallerFits } from "./templates/render-role.ts";
import type { TemplateSource } from "./templates/template-values.ts";
import type { UserInput } from "./user-handle.ts";

const params = { name: stringField("Name of the role.", { pattern: roleNamePattern }) };
const fields = {
  ttl: durationField("How long the lease is to live, unless renewed. By default what the role says.", {
    minMs: 1000,
  }),
  ...sessionFields,
  wait_for_ready: boolField(
    "Whether to answer only once AWS knows the new key (iam_user), or the deadline is near; ready says which.",
    { defaultText: "false" },
  ),
};

/** The path that issues: an IAM user of its own for every read, or a session, as the role says. */
export function credsPath(options: {
  readonly storage: MountStorage;
  readonly access: RootAccess;
  readonly iamUser: DefinedSecretType<UserInput>;
  readonly sessions: SessionTypes;
}): PathDefinition {
  const { storage, access, iamUser, sessions } = options;
  const operation: PathOperation<typeof params, typeof fields> = {
    summary: "Issues an access key: access_key and secret_key, and for a session security_token.",
    takes: ["ttl", "role_arn", "role_session_name", "mfa_code", "wait_for_ready"],
    handle: async ({ params: { name }, fields: request, mountPath, caller, signal }) => {
      // One after the other: whoever lacks both a root key and a role learns of the root key first.
      const stored = await access.open(mountPath);
      const [role, lease, root] = await Promise.all([
        readRole(storage, { name, mountPath }),
        readLeaseConfig(storage),
        access.withAccount(stored, signal),
      ]);
      const template = { caller, mountPath };
      const order = { role, roleName: name, request, root, lease, template };
      if (request.wait_for_ready && role.credentialType !== "iam_user") throw sessionsAreReady(order);
      const session = await sessionIssueOf({ ...order, signal }, sessions);
      return { issue: session ?? userIssueOf(order, iamUser) };
    },
  };
  return definePath({
    pattern: "creds/:name",
    summary: "Issues credentials for a role.",
    description:
      "Every read creates an IAM user with the permissions of the role, and answers its access key, once. When the " +
      "lease ends the key is deleted, and the user after it. A new key works within some 15 seconds: AWS spreads it slowly; with " +
      "wait_for_ready the answer waits for that. For a role of another credential type it makes a session, as sts/<name> does.",
    params,
    fields,
    operations: { read: operation, write: operation },
  });
}

interface Order {
  readonly role: Role;
  readonly roleName: string;
  readonly request: FieldValues<typeof fields>;
  readonly root: OpenRoot;
  readonly lease: LeaseConfig;
  readonly template: TemplateSource;
}

/** What the lessor is to issue for a role of IAM users. Throws `INVALID_FIELD` and `INVALID_POLICY` before anything is made. */
function userIssueOf(order: Order, iamUser: DefinedSecretType<UserInput>): Issue {
  const { role, roleName, request, root, lease, template } = order;
  refuseSessionFields(request, order);
  checkCallerFits(role, template.caller, roleName);
  if (request.wait_for_ready && root.probe === undefined) throw nobodyToAsk();
  const guardGraceMs = role.guardGraceMs ?? lease.guardGraceMs ?? defaultGuardGraceMs;
  const probe = request.wait_for_ready ? root.probe : undefined;
  return iamUser.issue({
    role: roleName,
    input: { role, root, source: template, guardGraceMs, probe },
    maxLeases: role.maxLeases,
    ttl: {
      requestMs: request.ttl,
      roleMs: role.defaultTtlMs,
      roleMaxMs: role.maxTtlMs,
      backendMs: lease.leaseMs,
      backendMaxMs: lease.leaseMaxMs,
    },
  });
}

function nobodyToAsk(): Error {
  return invalidField(
    "wait_for_ready",
    'cannot be done: the mount has an "iam_endpoint" and no "sts_endpoint", so there is no STS to ask whether a key works. ' +
      "Write one to config/root, or leave the field out.",
  );
}

function sessionsAreReady({ role, roleName }: Order): Error {
  return invalidField(
    "wait_for_ready",
    `is for roles of type "iam_user"; role ${quote(roleName)} is of type ${quote(role.credentialType)}, whose sessions work at once. Leave it out.`,
  );
}
