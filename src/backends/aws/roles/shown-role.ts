import type { JsonObject, JsonValue } from "../../../core/json.ts";
import type { Role } from "../role.ts";
import { credentialRules, fieldsOfEveryRole } from "./credential-rules.ts";
import type { RoleFieldName } from "./role-fields.ts";

/** A role as it is read: every field that roles of its type can have, under the names that a write takes. TTLs are in seconds. */
export function shownRole(role: Role): JsonObject {
  const seconds = (ms: number | undefined): number => (ms ?? 0) / 1000;
  const values: Readonly<Record<Exclude<RoleFieldName, "policy" | "arn">, JsonValue>> = {
    credential_type: role.credentialType,
    policy_document: role.document === undefined ? "" : JSON.stringify(role.document),
    policy_arns: role.policyArns,
    role_arns: role.roleArns,
    iam_groups: role.groups,
    iam_tags: role.tags,
    permissions_boundary_arn: role.boundaryArn ?? "",
    user_path: role.userPath,
    default_ttl: seconds(role.defaultTtlMs),
    max_ttl: seconds(role.maxTtlMs),
    external_id: role.externalId ?? "",
    session_tags: role.sessionTags,
    mfa_serial_number: role.mfaSerialNumber ?? "",
    max_leases: role.maxLeases ?? 0,
    revoke_sessions: role.revokeSessions,
    deadmans_switch: role.deadMansSwitch,
    deadmans_switch_grace: seconds(role.guardGraceMs),
  };
  const applying = [...fieldsOfEveryRole, ...credentialRules[role.credentialType].fields];
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => applying.some((field) => field === name)),
  );
}
