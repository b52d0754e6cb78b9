import { quote } from "../../../core/errors.ts";
import { invalidField } from "../../../core/field.ts";
import { bareRole, type CredentialType, credentialTypes, defaultUserPath, type Role } from "../role.ts";
import { strayFields, typesWith } from "./credential-rules.ts";
import { oldArnPatterns, type RoleFields } from "./role-fields.ts";

/** Makes a role of the fields of a request, each well-formed. Throws `INVALID_FIELD` for those that its type cannot have. */
export function roleOfFields(given: RoleFields): Role {
  const type = credentialTypes.find((known) => known === given.credential_type) ?? "iam_user";
  refuseStrays(given, type);
  refuseBoth(given, "policy", "policy_document");
  refuseBoth(given, "arn", type === "assumed_role" ? "role_arns" : "policy_arns");
  const old = given.arn === undefined ? undefined : [oldArnOf(given.arn, type)];
  const arns = type === "assumed_role" ? { roleArns: old } : { policyArns: old };
  return {
    ...bareRole,
    credentialType: type,
    document: given.policy_document ?? given.policy,
    policyArns: given.policy_arns ?? arns.policyArns ?? [],
    roleArns: given.role_arns ?? arns.roleArns ?? [],
    groups: given.iam_groups ?? [],
    tags: given.iam_tags ?? {},
    boundaryArn: given.permissions_boundary_arn,
    userPath: given.user_path ?? defaultUserPath,
    externalId: given.external_id,
    sessionTags: given.session_tags ?? {},
    mfaSerialNumber: given.mfa_serial_number,
    revokeSessions: given.revoke_sessions ?? false,
    deadMansSwitch: given.deadmans_switch ?? true,
    guardGraceMs: given.deadmans_switch_grace || undefined,
    defaultTtlMs: given.default_ttl || undefined,
    maxTtlMs: given.max_ttl || undefined,
    maxLeases: given.max_leases || undefined,
  };
}

function refuseStrays(given: RoleFields, type: CredentialType): void {
  const [stray] = strayFields(given, type);
  if (stray === undefined) return;
  throw invalidField(
    stray,
    `is for roles of type ${typesWith(stray).join(" and ")}, and this one is of type ${type}. Leave it out, or change "credential_type".`,
  );
}

function refuseBoth(
  given: RoleFields,
  old: "policy" | "arn",
  current: "policy_document" | "policy_arns" | "role_arns",
): void {
  const value = given[current];
  if (given[old] === undefined || value === undefined || (Array.isArray(value) && value.length === 0)) return;
  throw invalidField(old, `is the old name of "${current}", and both were given. Leave "${old}" out.`);
}

/** The ARN in the old field, which must be of what roles of the type are made with. */
function oldArnOf(arn: string, type: CredentialType): string {
  const wanted = type === "assumed_role" ? "role" : "policy";
  if (oldArnPatterns[wanted].test(arn)) return arn;
  const words = wanted === "role" ? "an AWS role" : "a managed policy";
  const hint =
    wanted === "policy" && oldArnPatterns.role.test(arn)
      ? ' It is the ARN of an AWS role: write "credential_type" assumed_role.'
      : "";
  throw invalidField("arn", `must be the ARN of ${words}, not ${quote(arn)}.${hint}`);
}
