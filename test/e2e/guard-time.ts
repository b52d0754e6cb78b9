import type { Simulator } from "../../src/dev/simulator/simulator.ts";

/**
 * When the statement that denies everything begins to hold for a leased user, in milliseconds since 1970, as AWS has
 * it. Throws where the user has no such statement.
 */
export function guardEndsAtMs(aws: Simulator, user: string): number {
  const text = aws.account.users.get(user).inlinePolicies.get("leasehold")?.text ?? "";
  const time = /"DateGreaterThan":\{"aws:CurrentTime":"([^"]+)"\}/.exec(text)?.[1];
  if (time === undefined) throw new Error(`The user "${user}" has no guard.`);
  return Date.parse(time);
}
