import type { CallContext } from "../action.ts";
import { defineAction } from "../action.ts";
import { awsError, notFound } from "../aws-error.ts";
import type { Role, User } from "../entities.ts";
import { arn, texts } from "../fields.ts";
import { type PolicySet, refusalOf } from "../policy/evaluate.ts";
import { requestLookup } from "../request-lookup.ts";

type Source =
  | { readonly kind: "user"; readonly holder: User }
  | { readonly kind: "role"; readonly holder: Role };

/** The user or AWS role that an ARN names. */
function sourceOf({ account }: CallContext, sourceArn: string): Source {
  const [, kind, path, name] = /:(user|role)(\/(?:.*\/)?)([^/]+)$/.exec(sourceArn) ?? [];
  const isOurs = sourceArn.startsWith(`arn:aws:iam::${account.id}:`);
  if (!isOurs || name === undefined) {
    throw awsError(
      "InvalidInput",
      `Invalid Entity Arn: ${sourceArn} does not clearly define entity type and name.`,
    );
  }
  const holder = kind === "user" ? account.users.find(name) : account.roles.find(name);
  if (holder === undefined || holder.path !== path) throw notFound(kind === "user" ? "user" : "role", name);
  return { kind, holder } as Source;
}

const simulatePrincipalPolicy = defineAction({
  service: "iam",
  name: "SimulatePrincipalPolicy",
  fields: { PolicySourceArn: arn, ActionNames: texts, ResourceArns: texts },
  target: ({ input }) => ({ arn: input.PolicySourceArn }),
  run: (call) => {
    const { input, account } = call;
    if (input.ActionNames.length === 0) {
      throw awsError(
        "ValidationError",
        "Value at 'actionNames' failed to satisfy constraint: Member must not be null",
      );
    }
    const source = sourceOf(call, input.PolicySourceArn);
    const policies: PolicySet = account.policiesOf(source.holder);
    const resources = input.ResourceArns.length === 0 ? ["*"] : input.ResourceArns;
    return {
      EvaluationResults: input.ActionNames.flatMap((action) =>
        resources.map((resource) => {
          const refusal = refusalOf(policies, {
            action,
            resource,
            lookup: requestLookup(call, { arn: resource }),
          });
          const denied = refusal?.includes("explicit deny") ? "explicitDeny" : "implicitDeny";
          return {
            EvalActionName: action,
            EvalResourceName: resource,
            EvalDecision: refusal === undefined ? "allowed" : denied,
          };
        }),
      ),
      IsTruncated: false,
    };
  },
});

/** The actions that tell what policies would allow. */
export const simulatePolicyActions = [simulatePrincipalPolicy];
