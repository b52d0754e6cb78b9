import type { Account } from "../account.ts";
import { type CallContext, defineAction, type Target } from "../action.ts";
import { awsError } from "../aws-error.ts";
import type { Role } from "../entities.ts";
import {
  arn,
  entityName,
  integer,
  optional,
  pageFields,
  path,
  pathPrefix,
  policyText,
  tags,
  text,
} from "../fields.ts";
import { uniqueId } from "../ids.ts";
import { page } from "../page.ts";
import { Policy } from "../policy/policy.ts";
import { encodedDocument } from "../policy-holding.ts";
import { isoTime, type XmlObject } from "../xml.ts";
import { boundaryOf, checkBoundary } from "./user-boundaries.ts";
import { describeTags } from "./users.ts";

function describeRole(account: Account, role: Role): XmlObject {
  return {
    Path: role.path,
    RoleName: role.name,
    RoleId: role.id,
    Arn: account.arn("role", role.path, role.name),
    CreateDate: isoTime(role.createdAtMs),
    AssumeRolePolicyDocument: encodedDocument(role.trust.text),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
  };
}

function describeRoleFully(account: Account, role: Role): XmlObject {
  return {
    ...describeRole(account, role),
    PermissionsBoundary: boundaryOf(role),
    Tags: role.tags.size > 0 ? describeTags(role.tags) : undefined,
  };
}

/** What permission is checked on for a role: its ARN and tags, or the ARN it would have. */
export function roleTarget({ account }: CallContext, name: string): Target {
  const role = account.roles.find(name);
  if (role === undefined) return { arn: account.arn("role", "/", name) };
  return { arn: account.arn("role", role.path, role.name), tags: role.tags };
}

const createRole = defineAction({
  service: "iam",
  name: "CreateRole",
  fields: {
    RoleName: entityName(64),
    Path: path,
    AssumeRolePolicyDocument: policyText,
    Description: optional(text({ minChars: 0, maxChars: 1000 })),
    MaxSessionDuration: integer({ min: 3600, max: 43_200, fallback: 3600 }),
    PermissionsBoundary: optional(arn),
    Tags: tags,
  },
  target: ({ account, input }) => ({
    arn: account.arn("role", input.Path, input.RoleName),
    requestTags: input.Tags,
    keys: { "iam:permissionsboundary": input.PermissionsBoundary },
  }),
  alsoNeeds: ({ input }) => (input.Tags.size > 0 ? ["iam:TagRole"] : []),
  run: ({ account, input, nowMs, visibleAtMs }) => {
    if (account.roles.isTaken(input.RoleName)) {
      throw awsError("EntityAlreadyExists", `Role with name ${input.RoleName} already exists.`);
    }
    if (account.roles.size >= account.quotas.roles) {
      throw awsError("LimitExceeded", `Cannot exceed quota for RolesPerAccount: ${account.quotas.roles}`);
    }
    if (input.PermissionsBoundary !== undefined) checkBoundary(account, input.PermissionsBoundary);
    const role: Role = {
      name: input.RoleName,
      path: input.Path,
      id: uniqueId("AROA"),
      createdAtMs: nowMs,
      inlinePolicies: new Map(),
      attachedPolicies: new Set(),
      trust: new Policy(input.AssumeRolePolicyDocument, "trust"),
      description: input.Description,
      maxSessionSeconds: input.MaxSessionDuration,
      tags: input.Tags,
      boundaryArn: input.PermissionsBoundary,
      visibleAtMs: visibleAtMs(),
    };
    account.addRole(role);
    return { Role: describeRoleFully(account, role) };
  },
});

const getRole = defineAction({
  service: "iam",
  name: "GetRole",
  fields: { RoleName: entityName(64) },
  target: (call) => roleTarget(call, call.input.RoleName),
  run: ({ account, input }) => ({ Role: describeRoleFully(account, account.roles.read(input.RoleName)) }),
});

const deleteRole = defineAction({
  service: "iam",
  name: "DeleteRole",
  fields: { RoleName: entityName(64) },
  target: (call) => roleTarget(call, call.input.RoleName),
  run: ({ account, input, goneAtMs }) => {
    const role = account.roles.get(input.RoleName);
    const obstacle =
      (role.attachedPolicies.size > 0 && "detach all policies") ||
      (role.inlinePolicies.size > 0 && "delete policies");
    if (obstacle) throw awsError("DeleteConflict", `Cannot delete entity, must ${obstacle} first.`);
    account.removeRole(role, goneAtMs());
    return undefined;
  },
});

const listRoles = defineAction({
  service: "iam",
  name: "ListRoles",
  fields: { PathPrefix: pathPrefix, ...pageFields },
  target: ({ account, input }) => ({ arn: account.arn("role", input.PathPrefix, "") }),
  run: ({ account, input }) =>
    page({
      field: "Roles",
      entries: account.roles.readable().filter((role) => role.path.startsWith(input.PathPrefix)),
      keyOf: (role) => role.name,
      show: (role) => describeRole(account, role),
      input,
    }),
});

const updateAssumeRolePolicy = defineAction({
  service: "iam",
  name: "UpdateAssumeRolePolicy",
  fields: { RoleName: entityName(64), PolicyDocument: policyText },
  target: (call) => roleTarget(call, call.input.RoleName),
  run: ({ account, input }) => {
    account.roles.get(input.RoleName).trust = new Policy(input.PolicyDocument, "trust");
    return undefined;
  },
});

/** The actions on roles themselves. */
export const roleActions = [createRole, getRole, deleteRole, listRoles, updateAssumeRolePolicy];
