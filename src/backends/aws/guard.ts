import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import { awsTime } from "./aws-time.ts";

/** Sid of the guard's statement, by which a renewal finds it. */
export const guardSid = "LeaseholdGuard";

/** Name of the inline policy that every leased user has. */
export const inlinePolicyName = "leasehold";

/**
 * How long after the end that it covers the guard denies, where neither the role nor the mount says. Long enough for a revocation
 * that is under way, and for clocks that differ, so that it acts only where nobody else did.
 */
export const defaultGuardGraceMs = 120_000;

/** The least grace: AWS's times have whole seconds. */
export const guardGraceMsMin = 1000;

/** The most grace: with more, a key that nobody ends would live on for days. */
export const guardGraceMsMax = 86_400_000;

/**
 * The inline policy of a leased user: what its role's document allows, and the
 * guard, a statement that denies everything once the end that it covers is over by more
 * than the grace. The key then stops working though leasehold, its storage and its operators are gone.
 *
 * Both are one policy, not two: permissions never exist without the guard, and
 * both go with one call. Two policies would cost the revocation a further
 * round trip, for the guard could only go after the key was known to be
 * deleted. The price is that a renewal has to read the policy before it writes it.
 *
 * The time is a literal: policy variables do not work in date operators.
 */
export function withGuard(
  document: JsonObject | undefined,
  times: { readonly guardedToMs: number; readonly graceMs: number },
): JsonObject {
  const guard = {
    Sid: guardSid,
    Effect: "Deny",
    Action: "*",
    Resource: "*",
    Condition: { DateGreaterThan: { "aws:CurrentTime": awsTime(times.guardedToMs + times.graceMs) } },
  };
  const statements = statementsOf(document ?? { Statement: [] }).filter(
    (statement) => !isJsonObject(statement) || statement["Sid"] !== guardSid,
  );
  return { Version: "2012-10-17", ...document, Statement: [...statements, guard] };
}

/** The statements of a policy, which AWS takes as an array or as a single one. */
export function statementsOf(document: JsonObject): readonly JsonValue[] {
  const { Statement: statements } = document;
  if (statements === undefined) return [];
  return Array.isArray(statements) ? statements : [statements];
}
