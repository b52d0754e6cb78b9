import { isAwsFailure } from "../aws-failure.ts";
import { membersAt, textAt } from "../query-xml.ts";
import { defaultUserPath } from "../role.ts";
import type { TrialRoot } from "../root-access.ts";
import type { RootIdentity } from "./identify-root.ts";

/** Actions on leased users that issuing and revoking always need. */
const neededActions = [
  ...["CreateUser", "TagUser", "GetUser", "DeleteUser"],
  ...["CreateAccessKey", "ListAccessKeys", "DeleteAccessKey"],
  ...["PutUserPolicy", "GetUserPolicy", "ListUserPolicies", "DeleteUserPolicy"],
  ...["AttachUserPolicy", "ListAttachedUserPolicies", "DetachUserPolicy", "ListGroupsForUser"],
].map((name) => `iam:${name}`);

/**
 * Looks, without doing anything, whether root credentials have the permissions that leased users take; answers warnings. It asks
 * AWS's simulation of policies, which knows nothing of the policies of an organization.
 */
export async function lackingPermissions(
  { query }: TrialRoot,
  { arn, signal }: { readonly arn: RootIdentity["arn"]; readonly signal: AbortSignal },
): Promise<string[]> {
  if (query === undefined) return [];
  const source = policySourceOf(arn);
  if (source === undefined)
    return [unchecked(`they are those of ${arn ?? "somebody whom AWS does not name"}`)];
  const [partition, account] = [source.split(":")[1], source.split(":")[4]];
  try {
    const answer = await query({
      service: "iam",
      action: "SimulatePrincipalPolicy",
      parameters: {
        PolicySourceArn: source,
        ActionNames: neededActions,
        ResourceArns: [`arn:${partition}:iam::${account}:user${defaultUserPath}leasehold-check`],
      },
      signal,
    });
    const lacking = membersAt(answer, "EvaluationResults")
      // What hangs on a condition, such as one on tags, cannot be judged without a call.
      .filter(
        (result) =>
          textAt(result, "EvalDecision") !== "allowed" &&
          membersAt(result, "MissingContextValues").length === 0,
      )
      .map((result) => textAt(result, "EvalActionName") ?? "");
    if (lacking.length === 0) return [];
    return [
      `The root credentials lack permissions on users below "${defaultUserPath}": ${lacking.join(", ")}. ` +
        "Allow them, or issuing and revoking will be refused; docs/backends/aws.md has the whole policy.",
    ];
  } catch (error) {
    if (!isAwsFailure(error)) throw error;
    return [unchecked(`AWS answered ${error.code} to iam:SimulatePrincipalPolicy`)];
  }
}

function unchecked(why: string): string {
  return `The credentials work; whether they have the permissions that are needed was not checked: ${why}.`;
}

/** The identity whose policies count: of a session its role. Undefined for those that hold no policies. */
function policySourceOf(arn: string | undefined): string | undefined {
  if (arn === undefined) return undefined;
  if (/^arn:[^:]+:iam::\d+:(?:user|role)\//.test(arn)) return arn;
  const session = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(arn);
  return session === null ? undefined : `arn:${session[1]}:iam::${session[2]}:role/${session[3]}`;
}
