import { createAcl } from "../../../src/core/policy/acl.ts";
import { type Capability, parsePolicy } from "../../../src/core/policy/policy.ts";

/** Rules by path: capabilities alone, or a whole rule. */
export type Rules = Readonly<Record<string, readonly Capability[] | object>>;

/** The list of what some policies allow, each as its rules by path. */
export function aclOf(...policies: readonly Rules[]) {
  return createAcl(
    policies.map((rules, at) => {
      const path = Object.entries(rules).map(([pattern, rule]) => [
        pattern,
        Array.isArray(rule) ? { capabilities: rule } : rule,
      ]);
      return { name: `p${at}`, policy: parsePolicy(JSON.stringify({ path: Object.fromEntries(path) })) };
    }),
  );
}
