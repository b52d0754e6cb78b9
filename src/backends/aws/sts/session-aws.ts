import { type AwsQuery, createAwsQuery } from "../aws-query.ts";
import type { IamSettings } from "../iam.ts";
import type { IamPolicies } from "./iam-policies.ts";
import { createIamPolicies } from "./iam-policies-client.ts";
import type { Sts } from "./sts.ts";
import { createSts } from "./sts-client.ts";

/** What AWS is asked for to make sessions, and to cut them off. */
export interface SessionAws {
  readonly sts: Sts;
  readonly policies: IamPolicies;
  /** Closes idle connections once nothing is in flight. The clients go on working. */
  close(): void;
}

/** Makes the clients for sessions, over a client of the Query protocol that is theirs alone. */
export function connectSessionAws(
  settings: IamSettings,
  { query, close }: AwsQuery = createAwsQuery(settings),
): SessionAws {
  const hasSts = settings.stsEndpoint !== undefined || settings.iamEndpoint === undefined;
  return { sts: createSts(query, { hasSts }), policies: createIamPolicies(query), close };
}
