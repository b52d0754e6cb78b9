import { quote } from "../../../core/errors.ts";
import { durationField, invalidField, stringField } from "../../../core/field.ts";
import type { MountStorage } from "../../../core/mount-storage.ts";
import { definePath, type PathDefinition, type PathOperation } from "../../../core/path.ts";
import { readLeaseConfig } from "../config-lease.ts";
import { readRole, roleNamePattern } from "../role.ts";
import type { RootAccess } from "../root-access.ts";
import { sessionIssueOf } from "./session-issuer.ts";
import { sessionFields } from "./session-request.ts";
import type { SessionTypes } from "./session-types.ts";

const params = { name: stringField("Name of the role.", { pattern: roleNamePattern }) };
const fields = {
  ttl: durationField("How long the session is to last, 15 minutes at least. By default what the role says.", {
    minMs: 1000,
  }),
  ...sessionFields,
};

/** The path that issues sessions alone: the same as creds/:name, for roles that are no IAM users. */
export function stsPath(options: {
  readonly storage: MountStorage;
  readonly access: RootAccess;
  readonly types: SessionTypes;
}): PathDefinition {
  const { storage, access, types } = options;
  const operation: PathOperation<typeof params, typeof fields> = {
    summary: "Issues a session: access_key, secret_key and security_token.",
    takes: ["ttl", "role_arn", "role_session_name", "mfa_code"],
    handle: async ({ params: { name }, fields: request, mountPath, caller, signal }) => {
      // One after the other: whoever lacks both a root key and a role learns of the root key first.
      const stored = await access.open(mountPath);
      const [role, lease, root] = await Promise.all([
        readRole(storage, { name, mountPath }),
        readLeaseConfig(storage),
        access.withAccount(stored, signal),
      ]);
      const template = { caller, mountPath };
      const issue = await sessionIssueOf(
        { role, roleName: name, request, root, lease, template, signal },
        types,
      );
      if (issue === undefined) {
        throw invalidField(
          "name",
          `must be a role that issues sessions: role ${quote(name)} is of type "iam_user". Read "${mountPath}/creds/${name}" for its access key.`,
        );
      }
      return { issue };
    },
  };
  return definePath({
    pattern: "sts/:name",
    summary: "Issues a session for a role.",
    description:
      "Every read makes a session of AWS's token service: of an AWS role, of a federated user, or of the root key's own user, as the " +
      "role says. A session ends by itself when its lease does. It cannot be renewed; before its time it can be cut off where the " +
      'role has "revoke_sessions".',
    params,
    fields,
    operations: { read: operation, write: operation },
  });
}
