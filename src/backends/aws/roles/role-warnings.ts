import { quote } from "../../../core/errors.ts";
import { allowsIamWrites } from "../iam-writes.ts";
import type { Role } from "../role.ts";
import { sessionPolicyCharactersMax } from "../sts/session-policy.ts";
import type { RoleFields } from "./role-fields.ts";

/** AWS's limit for the managed policies of a user, unless the account's quota was raised. */
const attachedPoliciesMax = 10;

/** What a person who writes a role should know. */
export function roleWarnings(given: RoleFields, role: Role): string[] {
  const warnings: string[] = [];
  if (given.policy !== undefined) warnings.push('"policy" is the old name of "policy_document".');
  if (given.arn !== undefined) {
    const current = role.credentialType === "assumed_role" ? "role_arns" : "policy_arns";
    warnings.push(`"arn" is the old name of "${current}".`);
  }
  return [...warnings, ...(role.credentialType === "iam_user" ? userWarnings(role) : sessionWarnings(role))];
}

function userWarnings(role: Role): string[] {
  const warnings: string[] = [];
  if (role.policyArns.length > attachedPoliciesMax) {
    warnings.push(
      `The role attaches ${role.policyArns.length} managed policies; AWS allows ${attachedPoliciesMax} unless the account's quota was raised.`,
    );
  }
  if (!role.deadMansSwitch) {
    warnings.push(
      "The role has no dead man's switch: should leasehold and its storage be gone when a lease ends, its key works until somebody " +
        'deletes it. Leave "deadmans_switch" out to have one.',
    );
  }
  if (role.boundaryArn === undefined && allowsIamWrites(role)) {
    const first = role.deadMansSwitch
      ? "could remove the statement that ends its key when leasehold cannot, or make"
      : "could make";
    warnings.push(
      `The role allows writing IAM: a leased user ${first} credentials that outlive the lease. Bound it with "permissions_boundary_arn".`,
    );
  }
  return warnings;
}

/** AWS counts all that limits a session together, packed by rules that it does not publish. */
function sessionWarnings(role: Role): string[] {
  const texts = [
    role.document === undefined ? "" : JSON.stringify(role.document),
    ...role.policyArns,
    ...Object.entries(role.sessionTags).flat(),
  ];
  const characters = texts.join("").length;
  const warnings: string[] = [];
  if (characters > sessionPolicyCharactersMax) {
    warnings.push(
      `What limits the sessions has ${characters} characters in all. AWS packs it, and may refuse it with PackedPolicyTooLarge ` +
        "when a session is asked for: try it.",
    );
  }
  if (role.revokeSessions) {
    const names = role.roleArns.map(quote).join(", ");
    warnings.push(
      `Cutting sessions off writes an inline policy to ${names}: the root key needs iam:PutRolePolicy and iam:DeleteRolePolicy there.`,
    );
  }
  return warnings;
}
