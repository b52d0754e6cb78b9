import type { Issue } from "../../../core/backend.ts";
import { CoreError, quote } from "../../../core/errors.ts";
import { invalidField } from "../../../core/field.ts";
import { coreErrorOf, isAwsFailure } from "../aws-failure.ts";
import type { LeaseConfig } from "../config-lease.ts";
import { resend } from "../resend.ts";
import type { Role } from "../role.ts";
import type { OpenRoot } from "../root-access.ts";
import { checkCallerFits } from "../templates/render-role.ts";
import type { TemplateSource } from "../templates/template-values.ts";
import { wave } from "../wave.ts";
import { partsOfRoleArn } from "./aws-role-arn.ts";
import { roleSessionMsMax } from "./end-session.ts";
import type { GroupPolicies } from "./iam-policies.ts";
import { sessionMsMin } from "./open-session.ts";
import { isTemporary } from "./session-failure.ts";
import type { SessionInput } from "./session-input.ts";
import { checkSessionPolicyArns, policySourceOf } from "./session-policy.ts";
import { chooseSession, type SessionRequest } from "./session-request.ts";
import type { SessionCredentialType, SessionTypes } from "./session-types.ts";

/** Longest session of a user, in milliseconds. Source: API references of GetFederationToken and GetSessionToken, `DurationSeconds`. */
const userSessionMsMax = 129_600_000;

const sessionMsMax: Readonly<Record<SessionCredentialType, number>> = {
  assumed_role: roleSessionMsMax,
  federation_token: userSessionMsMax,
  session_token: userSessionMsMax,
};

/** A session that is asked for, and what was read for it. */
export interface SessionOrder {
  readonly role: Role;
  readonly roleName: string;
  readonly request: SessionRequest & { readonly ttl?: number | undefined };
  readonly root: OpenRoot;
  readonly lease: LeaseConfig;
  readonly template: TemplateSource;
  readonly signal: AbortSignal;
}

/**
 * Turns an order for a session into what the lessor issues: undefined where the role issues the keys of IAM users. Throws `INVALID_FIELD`,
 * `INVALID_POLICY`, `BACKEND_REFUSED`.
 */
export async function sessionIssueOf(order: SessionOrder, types: SessionTypes): Promise<Issue | undefined> {
  const { role, roleName, request, root, lease, template } = order;
  const { credentialType: type } = role;
  if (type === "iam_user") return undefined;
  const choice = chooseSession(request, { role, roleName });
  checkRoot(type, root);
  if (role.revokeSessions && choice.roleArn !== undefined) checkOwnAccount(choice.roleArn, root);
  checkCallerFits(role, template.caller, roleName);
  const { groupPolicies, policyArns } = await policiesOf(order);
  return types[type].issue({
    role: roleName,
    input: { role, root, template, groupPolicies, policyArns, ...choice },
    maxLeases: role.maxLeases,
    ttl: {
      requestMs: request.ttl,
      roleMs: role.defaultTtlMs,
      roleMaxMs: Math.min(role.maxTtlMs ?? sessionMsMax[type], sessionMsMax[type]),
      backendMs: lease.leaseMs,
      backendMaxMs: lease.leaseMaxMs,
      leastMs: sessionMsMin,
    },
  });
}

/** Source: API references of GetFederationToken and GetSessionToken: both take the long-lived credentials of a user alone. */
function checkRoot(type: SessionCredentialType, root: OpenRoot): void {
  if (type === "assumed_role" || !isTemporary(root)) return;
  throw new CoreError(
    "BACKEND_REFUSED",
    `Cannot issue a ${type}: AWS makes those for the access keys of IAM users alone, and the root credentials ${quote(root.accessKey)} are temporary. ` +
      'Write the access key of a user to config/root, or use the credential type "assumed_role".',
    { details: { credential_type: type } },
  );
}

function checkOwnAccount(arn: string, root: OpenRoot): void {
  if (partsOfRoleArn(arn).account === root.account) return;
  const ours = root.account === undefined ? "whose account is not known" : `of account ${root.account}`;
  throw invalidField(
    "role_arn",
    `must be a role of the account of the root credentials, since the role has "revoke_sessions": ${quote(arn)} cannot be written to by ` +
      `root credentials ${ours}. Turn "revoke_sessions" off, or mount that account at a path of its own.`,
  );
}

/** What the groups of the role allow its sessions, read at every issue: groups change. */
async function policiesOf({
  role,
  roleName,
  root,
  signal,
}: SessionOrder): Promise<Pick<SessionInput, "groupPolicies" | "policyArns">> {
  const { clock, retriesMax } = root;
  const retries = { throttled: retriesMax, unknown: retriesMax };
  const read = async (group: string): Promise<GroupPolicies> => {
    try {
      const call = () => root.sessions.policies.readGroup({ group, signal });
      return await resend(call, { clock, signal, retriesMax: retries });
    } catch (error) {
      if (!isAwsFailure(error)) throw error;
      throw coreErrorOf(error, `read the policies of group ${quote(group)} for role ${quote(roleName)}`);
    }
  };
  const found = await wave(role.groups.map(async (group) => ({ group, ...(await read(group)) })));
  const groupPolicies = found.flatMap(({ group, documents }) =>
    documents.map((text) => policySourceOf(text, `a policy of the group ${quote(group)}`)),
  );
  const policyArns = [...new Set([...role.policyArns, ...found.flatMap(({ arns }) => arns)])];
  checkSessionPolicyArns(policyArns);
  const isLimited = role.document !== undefined || groupPolicies.length > 0 || policyArns.length > 0;
  if (role.groups.length > 0 && !isLimited) throw nothingLimits(role.groups, roleName);
  return { groupPolicies, policyArns };
}

/** AWS takes a session without policies for one without limits, and a role that names groups wants some. */
function nothingLimits(groups: readonly string[], roleName: string): CoreError {
  const names = groups.map(quote).join(", ");
  return new CoreError(
    "INVALID_POLICY",
    `The groups ${names} of role ${quote(roleName)} have no policies, so that nothing would limit the session. Give them some, ` +
      'or leave "iam_groups" out of the role.',
    { details: { field: "iam_groups", role: roleName } },
  );
}
