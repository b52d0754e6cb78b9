import type { CallContext, Target } from "./action.ts";
import { awsError } from "./aws-error.ts";
import { type Question, refusalOf, verdictOf } from "./policy/evaluate.ts";
import { requestLookup } from "./request-lookup.ts";

function questionOf(context: CallContext, action: string, target: Target): Question {
  return { action, resource: target.arn, lookup: requestLookup(context, target) };
}

/**
 * Lets a call pass only if the caller's policies allow it.
 *
 * @throws AwsError `AccessDenied`, with the sentence AWS gives the reason in.
 */
export function authorize(context: CallContext, action: string, target: Target): void {
  const refusal = refusalOf(context.caller.policies, questionOf(context, action, target));
  if (refusal === undefined) return;
  throw awsError(
    "AccessDenied",
    `User: ${context.caller.arn} is not authorized to perform: ${action} on resource: ${target.arn} ${refusal}`,
  );
}

/** Tells whether the caller's own policies allow an action. */
export function isAllowed(context: CallContext, action: string, target: Target): boolean {
  return refusalOf(context.caller.policies, questionOf(context, action, target)) === undefined;
}

/** Tells whether any policy of the caller denies an action outright. */
export function isDenied(context: CallContext, action: string, target: Target): boolean {
  const { identity, boundary, session } = context.caller.policies;
  const documents = [...identity, ...(boundary === undefined ? [] : [boundary]), ...(session ?? [])];
  return verdictOf(documents, questionOf(context, action, target)) === "deny";
}
