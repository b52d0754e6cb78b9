import type { DefinedSecretType } from "../../core/backend.ts";
import { durationField, stringField } from "../../core/field.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { readLeaseConfig } from "./config-lease.ts";
import { readRole, roleNamePattern } from "./role.ts";
import type { RootAccess } from "./root-access.ts";
import type { UserInput } from "./user-handle.ts";

/** The path that issues: an IAM user of its own for every read. */
export function credsPath(options: {
  readonly storage: MountStorage;
  readonly access: RootAccess;
  readonly iamUser: DefinedSecretType<UserInput>;
}): PathDefinition {
  const { storage, access, iamUser } = options;
  return definePath({
    pattern: "creds/:name",
    summary: "Issues an access key for a role.",
    description:
      "Every read creates an IAM user with the permissions of the role, and answers its access key, once. When the " +
      "lease ends the key is deleted, and the user after it. A new key works within some 15 seconds: AWS spreads it slowly.",
    params: { name: stringField("Name of the role.", { pattern: roleNamePattern }) },
    fields: {
      ttl: durationField("How long the lease is to live, unless renewed. By default what the role says.", {
        minMs: 1000,
      }),
    },
    unsupportedFields: ["role_arn", "role_session_name", "mfa_code", "wait_for_ready"],
    operations: {
      read: {
        summary: "Issues an access key: access_key and secret_key.",
        takes: ["ttl"],
        handle: async ({ params, fields, mountPath, signal }) => {
          // One after the other: whoever lacks both a root key and a role learns of the root key first.
          const stored = await access.open(mountPath);
          const [role, lease, root] = await Promise.all([
            readRole(storage, { name: params.name, mountPath }),
            readLeaseConfig(storage),
            access.withAccount(stored, signal),
          ]);
          return {
            issue: iamUser.issue({
              role: params.name,
              input: { role, root },
              maxLeases: role.maxLeases,
              ttl: {
                requestMs: fields.ttl,
                roleMs: role.defaultTtlMs,
                roleMaxMs: role.maxTtlMs,
                backendMs: lease.leaseMs,
                backendMaxMs: lease.leaseMaxMs,
              },
            }),
          };
        },
      },
    },
  });
}
