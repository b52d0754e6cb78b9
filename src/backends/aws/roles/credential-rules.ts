import type { JsonValue } from "../../../core/json.ts";
import type { CredentialType } from "../role.ts";
import type { RoleFieldName, RoleFields } from "./role-fields.ts";

/** What roles of one type can have. */
export interface CredentialRules {
  /** Fields besides those that every role can have. */
  readonly fields: readonly RoleFieldName[];
  /** Bounds of TTLs, in milliseconds. */
  readonly ttlMsMin: number;
  readonly ttlMsMax: number;
  /** The credentials are a session, which its policies only limit. */
  readonly isSession: boolean;
}

/** Fields that roles of every type can have. */
export const fieldsOfEveryRole: readonly RoleFieldName[] = [
  "credential_type",
  "default_ttl",
  "max_ttl",
  "max_leases",
];

const policyFields: readonly RoleFieldName[] = ["policy_document", "policy_arns", "iam_groups", "policy"];
const hourMs = 3_600_000;
const shortestSessionMs = 900_000;

/**
 * What roles of each type can have. The bounds of sessions are AWS's.
 * Source: API reference of AssumeRole, GetFederationToken and GetSessionToken, `DurationSeconds`.
 */
export const credentialRules: Readonly<Record<CredentialType, CredentialRules>> = {
  iam_user: {
    fields: [
      ...policyFields,
      ...(["iam_tags", "permissions_boundary_arn", "user_path"] as const),
      ...(["deadmans_switch", "deadmans_switch_grace", "arn"] as const),
    ],
    ttlMsMin: 1000,
    ttlMsMax: Number.POSITIVE_INFINITY,
    isSession: false,
  },
  assumed_role: {
    fields: [...policyFields, "role_arns", "external_id", "session_tags", "revoke_sessions", "arn"],
    ttlMsMin: shortestSessionMs,
    ttlMsMax: 12 * hourMs,
    isSession: true,
  },
  federation_token: {
    fields: [...policyFields, "session_tags"],
    ttlMsMin: shortestSessionMs,
    ttlMsMax: 36 * hourMs,
    isSession: true,
  },
  session_token: {
    fields: ["mfa_serial_number"],
    ttlMsMin: shortestSessionMs,
    ttlMsMax: 36 * hourMs,
    isSession: true,
  },
};

/** Types whose roles can have a field, for messages. */
export function typesWith(field: RoleFieldName): readonly string[] {
  return Object.entries(credentialRules).flatMap(([type, { fields }]) =>
    fields.includes(field) ? [type] : [],
  );
}

/** Fields that are given, say something, and cannot be had by roles of a type. */
export function strayFields(given: RoleFields, type: CredentialType): readonly RoleFieldName[] {
  const { fields } = credentialRules[type];
  const names = Object.keys(given) as RoleFieldName[];
  return names.filter(
    (name) => !fieldsOfEveryRole.includes(name) && !fields.includes(name) && saysSomething(given[name]),
  );
}

/** False for what a role says that leaves a field out. */
function saysSomething(value: JsonValue | undefined): boolean {
  if (value === undefined || value === false || value === 0 || value === "") return false;
  return typeof value !== "object" || value === null || Object.keys(value).length > 0;
}
