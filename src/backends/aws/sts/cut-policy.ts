import { awsTime } from "../aws-time.ts";
import type { CutSessions } from "./cut-sessions.ts";

/** AWS's limit for all inline policies of a role together, in characters without white space. Source: "IAM and AWS STS quotas". */
export const rolePolicyCharactersMax = 10_240;

/** Name of the inline policy that cuts sessions off. Each mount has its own, so that none overwrites another's. */
export function cutPolicyName(accessor: string): string {
  return `leasehold-revoked-sessions-${accessor}`;
}

/**
 * The inline policy of a role that denies everything to the sessions that are cut off, as JSON text; undefined where there are none.
 * `aws:userid` is `<id of the role>:<name>`; the policy is the role's own, so that the name alone says which session is meant.
 */
export function cutPolicyOf({ endsAtMs, before }: CutSessions): string | undefined {
  const names = Object.keys(endsAtMs).map((name) => `*:${name}`);
  const statements = [
    ...(names.length === 0 ? [] : [denial("RevokedSessions", { StringLike: { "aws:userid": names } })]),
    ...(before === undefined
      ? []
      : [
          denial("SessionsIssuedBefore", {
            DateLessThan: { "aws:TokenIssueTime": awsTime(before.issuedMs) },
          }),
        ]),
  ];
  if (statements.length === 0) return undefined;
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

function denial(sid: string, condition: Readonly<Record<string, object>>): object {
  return { Sid: sid, Effect: "Deny", Action: "*", Resource: "*", Condition: condition };
}
