import { isAwsFailure } from "../aws-failure.ts";
import type { AwsQuery } from "../aws-query.ts";

/** What AWS refuses a call with, undone, whose credentials have ended. */
const endedCodes: ReadonlySet<string> = new Set(["InvalidClientTokenId", "ExpiredToken"]);

/**
 * Sends a call once more by the credentials that have come in place of the client's own, where AWS refuses those as ended: calls
 * that are under way while a key is rotated do not fail for it.
 */
export function followRoot(
  client: AwsQuery,
  successor: () => Promise<AwsQuery["query"] | undefined>,
): AwsQuery {
  return {
    async query(call) {
      try {
        return await client.query(call);
      } catch (error) {
        if (!isAwsFailure(error) || !endedCodes.has(error.code) || call.signal.aborted) throw error;
        const next = await successor().catch(() => undefined);
        if (next === undefined) throw error;
        return await next(call);
      }
    },
    close: () => client.close(),
  };
}
