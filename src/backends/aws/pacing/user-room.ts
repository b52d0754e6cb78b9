import { AwsFailure } from "../aws-failure.ts";
import type { AwsQuery } from "../aws-query.ts";
import { elementAt, textAt } from "../query-xml.ts";

/** The users of an account, and how many it may have. */
export interface UserRoom {
  readonly count: number;
  readonly quota: number;
}

/** Asks AWS how many users an account has, and may have. Rejects with `AwsFailure`. */
export type ReadUserRoom = (call: { readonly signal: AbortSignal }) => Promise<UserRoom>;

/** Makes the question from a client of the Query protocol: `GetAccountSummary`. */
export function userRoomReader(query: AwsQuery["query"]): ReadUserRoom {
  return async ({ signal }) => {
    const summary = await query({ service: "iam", action: "GetAccountSummary", signal });
    const entries = elementAt(summary, "SummaryMap")?.children ?? [];
    const figure = (key: string): number => {
      const entry = entries.find((each) => textAt(each, "key") === key);
      const text = entry && textAt(entry, "value");
      if (text !== undefined && /^\d{1,9}$/.test(text)) return Number(text);
      throw new AwsFailure("unknown", "IncompleteAnswer", {
        message: `The account summary has no number under "${key}"; is this an AWS endpoint?`,
      });
    };
    return { count: figure("Users"), quota: figure("UsersQuota") };
  };
}
