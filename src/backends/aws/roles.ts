import { quote } from "../../core/errors.ts";
import { stringField } from "../../core/field.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { readRole, roleFolder, roleNamePattern, writeRole } from "./role.ts";
import { checkRole } from "./roles/check-role.ts";
import { checkPartition, strayResourceWarning } from "./roles/partition-of-role.ts";
import { type RoleFieldName, roleFields } from "./roles/role-fields.ts";
import { roleOfFields } from "./roles/role-of-fields.ts";
import { roleWarnings } from "./roles/role-warnings.ts";
import { shownRole } from "./roles/shown-role.ts";
import { partitionRegionOf, readRootConfig } from "./root-config.ts";

/** The path that lists the roles of a mount. */
export function rolesPath(storage: MountStorage): PathDefinition {
  return definePath({
    pattern: roleFolder,
    summary: "The roles of this mount.",
    description: "Lists the names of the roles. Write one to roles/<name>.",
    params: {},
    fields: {},
    operations: {
      list: {
        summary: "Lists the names of the roles.",
        handle: async () => ({ keys: await storage.list(roleFolder) }),
      },
    },
  });
}

/** The path of one role. */
export function rolePath(options: {
  readonly storage: MountStorage;
  /** How many leases of a role are live. */
  readonly liveLeasesOf: (role: string) => Promise<number>;
}): PathDefinition {
  const { storage, liveLeasesOf } = options;
  return definePath({
    pattern: "roles/:name",
    summary: "A role: what the credentials of its leases are, and what they may do.",
    description:
      "A role says what is issued (credential_type) and what that may do: by an inline policy, managed policies, groups, or several of " +
      "them. Which fields it can have depends on its type. Writing a role replaces it whole, and changes nothing about leases that are out.",
    params: { name: stringField("Name of the role.", { pattern: roleNamePattern }) },
    fields: roleFields,
    operations: {
      read: {
        summary:
          "Reads a role: every field that roles of its type can have. TTLs are in seconds; 0 means not set.",
        handle: async ({ params, mountPath }) => ({
          data: shownRole(await readRole(storage, { name: params.name, mountPath })),
        }),
      },
      write: {
        summary: "Writes a role in place of the one that has its name.",
        takes: Object.keys(roleFields) as RoleFieldName[],
        handle: async ({ params, fields, mountPath }) => {
          const role = roleOfFields(fields);
          const documentField = fields.policy_document === undefined ? "policy" : "policy_document";
          checkRole(role, { role: params.name, mountPath, documentField });
          // Without root credentials nobody knows the region yet.
          const root = await readRootConfig(storage);
          const region = root && partitionRegionOf(root);
          if (region !== undefined) checkPartition(role, fields, region);
          await writeRole(storage, params.name, role);
          const stray = region === undefined ? undefined : strayResourceWarning(role, region);
          return { warnings: [...roleWarnings(fields, role), ...(stray === undefined ? [] : [stray])] };
        },
      },
      delete: {
        summary: "Deletes a role. Leases that are out go on, and end as they would have.",
        handle: async ({ params, mountPath }) => {
          const live = await liveLeasesOf(params.name);
          await storage.delete(roleFolder + params.name);
          return { warnings: live === 0 ? [] : [leasesGoOn(live, { role: params.name, mountPath })] };
        },
      },
    },
  });
}

function leasesGoOn(
  live: number,
  { role, mountPath }: { readonly role: string; readonly mountPath: string },
): string {
  const leases =
    live === 1
      ? "1 lease of it is live, and ends as it would have"
      : `${live} leases of it are live, and end as they would have`;
  return (
    `Role ${quote(role)} is deleted. ${leases}; to end what was issued at ` +
    `"${mountPath}/creds/${role}" now, revoke by that prefix.`
  );
}
