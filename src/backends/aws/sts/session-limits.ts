import { type CreateContext, NothingCreated, type SecretIds } from "../../../core/backend.ts";
import { CoreError } from "../../../core/errors.ts";
import { renderRole } from "../templates/render-role.ts";
import { templateValuesOf } from "../templates/template-values.ts";
import type { SessionInput } from "./session-input.ts";
import { sessionPolicyOf } from "./session-policy.ts";
import type { SessionLimits } from "./sts.ts";

/** Makes something within the limits of a lease's session. Rejects with `NothingCreated` where the limits do not go into a session. */
export async function limited<T>(
  { input, ids }: Pick<CreateContext<SessionInput>, "input" | "ids">,
  make: (limits: SessionLimits) => Promise<T>,
): Promise<T> {
  let limits: SessionLimits;
  try {
    limits = limitsOf(input, ids);
  } catch (error) {
    throw error instanceof CoreError ? new NothingCreated(error) : error;
  }
  return await make(limits);
}

/** What limits the session of a lease: the policies of the role and its groups, and the tags. */
function limitsOf(input: SessionInput, ids: SecretIds): SessionLimits {
  const { document, sessionTags } = renderRole(input.role, templateValuesOf(input.template, ids));
  const own = document === undefined ? [] : [{ from: `the "policy_document" of the role`, document }];
  return {
    policy: sessionPolicyOf([...own, ...input.groupPolicies]),
    policyArns: input.policyArns,
    tags: sessionTags,
  };
}
