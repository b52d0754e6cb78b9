import { rootPolicyName } from "../caller.ts";

/** Name of the policy that every token has unless it is made without. */
export const defaultPolicyName = "default";

/** Names that mean something to the product. */
export const builtInPolicyNames: readonly string[] = [defaultPolicyName, rootPolicyName];

/**
 * What `default` allows until somebody writes another: to look at one's own token, to renew it and to end it. What one may do
 * with the leases that one made needs no policy.
 */
export const defaultPolicyText = JSON.stringify(
  {
    path: {
      "auth/token/lookup-self": { capabilities: ["read"] },
      "auth/token/renew-self": { capabilities: ["update"] },
      "auth/token/revoke-self": { capabilities: ["update"] },
    },
  },
  null,
  2,
);
