import { formatDuration } from "../../../core/duration.ts";
import { invalidField } from "../../../core/field.ts";
import { guardGraceMsMax, guardGraceMsMin } from "../guard.ts";
import { checkPolicyDocument } from "../policy-document.ts";
import type { Role } from "../role.ts";
import { sessionPolicyArnsMax } from "../sts/session-policy.ts";
import { longestPolicy } from "../templates/policy-template.ts";
import { checkTags } from "./check-tags.ts";
import { credentialRules } from "./credential-rules.ts";

/**
 * Checks what the fields of a role, each well-formed and of its type, say together. Throws `INVALID_FIELD` and
 * `INVALID_POLICY`, naming the field.
 */
export function checkRole(
  role: Role,
  place: {
    readonly role: string;
    readonly mountPath: string;
    /** Name of the field that the document was given in. */
    readonly documentField: string;
  },
): void {
  const { document } = role;
  checkNeeds(role);
  if (document !== undefined) {
    checkPolicyDocument(document, place.documentField, {
      kind: credentialRules[role.credentialType].isSession
        ? "session"
        : role.deadMansSwitch
          ? "guarded"
          : "bare",
      longest: () => longestPolicy(document, place),
    });
  }
  checkTtls(role);
  checkGrace(role);
  checkTags(role.tags, "iam_tags");
  checkTags(role.sessionTags, "session_tags");
}

function checkNeeds({ credentialType: type, ...role }: Role): void {
  if (type === "assumed_role" && role.roleArns.length === 0) {
    throw invalidField(
      "role_arns",
      "is missing: a role of type assumed_role needs at least one AWS role to assume.",
    );
  }
  const hasPolicy = role.document !== undefined || role.policyArns.length > 0 || role.groups.length > 0;
  if ((type === "iam_user" || type === "federation_token") && !hasPolicy) {
    throw invalidField(
      "policy_document",
      `is missing: a role of type ${type} needs at least one of "policy_document", "policy_arns" and "iam_groups".`,
    );
  }
  if (credentialRules[type].isSession && role.policyArns.length > sessionPolicyArnsMax) {
    throw invalidField(
      "policy_arns",
      `must hold at most ${sessionPolicyArnsMax} items with ${type}, as AWS limits a session; it holds ${role.policyArns.length}.`,
    );
  }
  if (role.revokeSessions) checkOneAccount(role.roleArns);
}

/** The sessions of a role are cut off at the role itself, which takes a root key of its account: there is one. */
function checkOneAccount(arns: readonly string[]): void {
  const accounts = [...new Set(arns.map((arn) => arn.split(":")[4]))];
  if (accounts.length <= 1) return;
  throw invalidField(
    "revoke_sessions",
    `needs the AWS roles to be of one account, the root key's own; "role_arns" names ${accounts.join(", ")}.`,
  );
}

function checkTtls({ credentialType: type, defaultTtlMs, maxTtlMs }: Role): void {
  const { ttlMsMin, ttlMsMax } = credentialRules[type];
  for (const [field, ttlMs] of [
    ["default_ttl", defaultTtlMs],
    ["max_ttl", maxTtlMs],
  ] as const) {
    if (ttlMs === undefined || (ttlMs >= ttlMsMin && ttlMs <= ttlMsMax)) continue;
    const bounds = Number.isFinite(ttlMsMax)
      ? `from ${formatDuration(ttlMsMin)} to ${formatDuration(ttlMsMax)} with ${type}, as AWS bounds it`
      : `at least ${formatDuration(ttlMsMin)}`;
    throw invalidField(field, `must be ${bounds}, not ${formatDuration(ttlMs)}.`);
  }
  if (defaultTtlMs !== undefined && maxTtlMs !== undefined && defaultTtlMs > maxTtlMs) {
    throw invalidField(
      "default_ttl",
      `must not be more than "max_ttl": it is ${defaultTtlMs / 1000} s, and "max_ttl" is ${maxTtlMs / 1000} s.`,
    );
  }
}

function checkGrace({ deadMansSwitch, guardGraceMs }: Role): void {
  if (guardGraceMs === undefined) return;
  const field = "deadmans_switch_grace";
  if (!deadMansSwitch) {
    throw invalidField(field, 'is given, and "deadmans_switch" is false. Leave one of them out.');
  }
  checkGuardGrace(guardGraceMs, field);
}

/** Checks a grace of the dead man's switch, of a role or of a mount. Throws `INVALID_FIELD`. */
export function checkGuardGrace(graceMs: number, field: string): void {
  if (graceMs >= guardGraceMsMin && graceMs <= guardGraceMsMax) return;
  throw invalidField(
    field,
    `must be from ${formatDuration(guardGraceMsMin)} to ${formatDuration(guardGraceMsMax)}, not ${formatDuration(graceMs)}.`,
  );
}
