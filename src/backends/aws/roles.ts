import {
  durationField,
  type FieldValues,
  intField,
  invalidField,
  jsonField,
  listField,
  mapField,
  stringField,
} from "../../core/field.ts";
import type { JsonObject } from "../../core/json.ts";
import type { MountStorage } from "../../core/mount-storage.ts";
import { definePath, type PathDefinition } from "../../core/path.ts";
import { leasesMax } from "../../core/tuning.ts";
import { allowsIamWrites } from "./iam-writes.ts";
import { checkPolicyDocument } from "./policy-document.ts";
import {
  checkRole,
  defaultUserPath,
  type Role,
  readRole,
  roleFolder,
  roleNamePattern,
  writeRole,
} from "./role.ts";

const policyArn = { regexp: /^arn:aws[\w-]*:iam::(?:\d{12}|aws):policy\/[\x21-\x7e]{1,640}$/ };
const knownTypes: readonly string[] = ["iam_user", "assumed_role", "federation_token", "session_token"];

const fields = {
  credential_type: stringField("What is issued. Only iam_user is supported.", {
    defaultText: "iam_user",
    allowed: knownTypes,
  }),
  policy_document: jsonField("What the leased users may do: an IAM policy, as JSON text or object.", {
    code: "INVALID_POLICY",
  }),
  policy_arns: listField("ARNs of managed policies to attach, at most 20 (AWS allows 10 unless raised).", {
    countMax: 20,
    item: { ...policyArn, words: "ARNs such as arn:aws:iam::aws:policy/ReadOnlyAccess" },
  }),
  iam_groups: listField("Names of groups to put the leased users in, at most 10.", {
    countMax: 10,
    item: { regexp: /^[\w+=,.@-]{1,128}$/, words: "names of IAM groups" },
  }),
  iam_tags: mapField("Tags for the leased users, besides leasehold's own.", { countMax: 50 }),
  permissions_boundary_arn: stringField(
    "ARN of the policy that bounds what the leased users can be allowed.",
    {
      pattern: { ...policyArn, words: "the ARN of a managed policy" },
    },
  ),
  user_path: stringField("IAM path of the leased users.", {
    defaultText: defaultUserPath,
    lengthMax: 512,
    pattern: {
      regexp: /^\/(?:[\x21-\x7e]+\/)?$/,
      words: 'a path that begins and ends with a slash, such as "/leasehold/"',
    },
  }),
  default_ttl: durationField("TTL of a lease where the request gives none. 0 means that the role sets none."),
  max_ttl: durationField(
    "The longest that a lease may live, renewals included. 0 means that the role sets none.",
  ),
  max_leases: intField(
    "How many leases of the role may live at the same time. 0 means that the role sets no limit.",
    { min: 0, max: leasesMax },
  ),
  policy: jsonField("Old name of policy_document.", { code: "INVALID_POLICY" }),
  arn: stringField("Old name of policy_arns, for one ARN.", {
    pattern: { ...policyArn, words: "the ARN of a managed policy" },
  }),
};

type RoleFields = FieldValues<typeof fields>;

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
export function rolePath(storage: MountStorage): PathDefinition {
  return definePath({
    pattern: "roles/:name",
    summary: "A role: what the users made for its leases may do.",
    description:
      "A role names the permissions of leased users: an inline policy, managed policies, groups, or several of them. " +
      "Writing a role replaces it whole, and changes nothing about leases that are out.",
    params: { name: stringField("Name of the role.", { pattern: roleNamePattern }) },
    fields,
    unsupportedFields: ["role_arns", "external_id", "session_tags", "mfa_serial_number"],
    operations: {
      read: {
        summary: "Reads a role. TTLs are in seconds; 0 means not set.",
        handle: async ({ params, mountPath }) => ({
          data: shown(await readRole(storage, { name: params.name, mountPath })),
        }),
      },
      write: {
        summary: "Writes a role in place of the one that has its name.",
        takes: Object.keys(fields) as (keyof typeof fields)[],
        handle: async ({ params, fields }) => {
          const role = roleOf(fields);
          checkRole(role);
          await writeRole(storage, params.name, role);
          return { warnings: warningsOf(fields, role) };
        },
      },
      delete: {
        summary: "Deletes a role. Leases that are out go on, and end as they would have.",
        handle: async ({ params }) => {
          await storage.delete(roleFolder + params.name);
          return {};
        },
      },
    },
  });
}

function roleOf(given: RoleFields): Role {
  const { credential_type: type = "iam_user" } = given;
  if (type !== "iam_user") {
    throw invalidField("credential_type", `"${type}" is not supported yet. Use "iam_user".`);
  }
  refuseBoth(given, "policy", "policy_document");
  refuseBoth(given, "arn", "policy_arns");
  const document = given.policy_document ?? given.policy;
  if (document !== undefined) {
    checkPolicyDocument(document, given.policy_document === undefined ? "policy" : "policy_document");
  }
  return {
    credentialType: type,
    document,
    policyArns: given.policy_arns ?? (given.arn === undefined ? [] : [given.arn]),
    groups: given.iam_groups ?? [],
    tags: given.iam_tags ?? {},
    boundaryArn: given.permissions_boundary_arn,
    userPath: given.user_path ?? defaultUserPath,
    defaultTtlMs: given.default_ttl || undefined,
    maxTtlMs: given.max_ttl || undefined,
    maxLeases: given.max_leases || undefined,
  };
}

function refuseBoth(
  given: RoleFields,
  old: "policy" | "arn",
  current: "policy_document" | "policy_arns",
): void {
  if (given[old] === undefined || given[current] === undefined) return;
  throw invalidField(old, `is the old name of "${current}", and both were given. Leave "${old}" out.`);
}

function warningsOf(given: RoleFields, role: Role): string[] {
  const warnings: string[] = [];
  if (given.policy !== undefined) warnings.push('"policy" is the old name of "policy_document".');
  if (given.arn !== undefined) warnings.push('"arn" is the old name of "policy_arns".');
  if (role.policyArns.length > 10) {
    warnings.push(
      `The role attaches ${role.policyArns.length} managed policies; AWS allows 10 unless the account's quota was raised.`,
    );
  }
  if (role.boundaryArn === undefined && allowsIamWrites(role)) {
    warnings.push(
      "The role allows writing IAM: a leased user could remove the statement that ends its key when leasehold cannot, " +
        'or make credentials that outlive the lease. Bound it with "permissions_boundary_arn".',
    );
  }
  return warnings;
}

function shown(role: Role): JsonObject {
  return {
    credential_type: role.credentialType,
    policy_document: role.document === undefined ? "" : JSON.stringify(role.document),
    policy_arns: role.policyArns,
    iam_groups: role.groups,
    iam_tags: role.tags,
    permissions_boundary_arn: role.boundaryArn ?? "",
    user_path: role.userPath,
    default_ttl: (role.defaultTtlMs ?? 0) / 1000,
    max_ttl: (role.maxTtlMs ?? 0) / 1000,
    max_leases: role.maxLeases ?? 0,
  };
}
