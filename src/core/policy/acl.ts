import { rootPolicyName } from "../caller.ts";
import type { JsonObject } from "../json.ts";
import { joinParameterRules, type ParameterRules, refusedParameter } from "./parameter-rules.ts";
import type { Capability, Policy, PolicyRule } from "./policy.ts";
import { bySpeciality, createPattern, type PolicyPattern } from "./policy-pattern.ts";

/** What is asked of an access control list. */
export interface AclQuestion {
  readonly path: string;
  readonly capability: Exclude<Capability, "deny">;
  /** The fields of the request; they are looked at where it reads, creates, updates or patches. */
  readonly parameters?: JsonObject;
}

/** What it answers. */
export interface AclAnswer {
  readonly isAllowed: boolean;
  /** The path of the rule that decided, and the policies that have it; undefined where none matches. */
  readonly rule: { readonly pattern: string; readonly policies: readonly string[] } | undefined;
  /** Why, in a sentence. */
  readonly why: string;
}

/** What several policies together allow. */
export interface Acl {
  decide(question: AclQuestion): AclAnswer;
}

interface JoinedRule {
  readonly pattern: PolicyPattern;
  readonly policies: readonly string[];
  readonly capabilities: ReadonlySet<Capability>;
  readonly parameters: ParameterRules;
}

const withParameters: readonly Capability[] = ["create", "read", "update", "patch"];

/** Joins what policies say at the same path: all capabilities of all, unless one of them denies. */
function joinRules(
  pattern: string,
  rules: readonly (PolicyRule & { readonly policy: string })[],
): JoinedRule {
  return {
    pattern: createPattern(pattern),
    policies: [...new Set(rules.map(({ policy }) => policy))],
    capabilities: new Set(rules.flatMap(({ capabilities }) => capabilities)),
    parameters: joinParameterRules(rules),
  };
}

/**
 * Makes the list of what policies allow, by the rules that Vault documents: among the paths that match only the most special one
 * decides; at it the policies are joined; what no path matches is denied.
 */
export function createAcl(policies: readonly { readonly name: string; readonly policy: Policy }[]): Acl {
  if (policies.some(({ name }) => name === rootPolicyName)) return { decide: () => allowedToRoot };
  const named = policies.flatMap(({ name, policy }) =>
    policy.rules.map((rule) => ({ ...rule, policy: name })),
  );
  const byPattern = Map.groupBy(named, ({ pattern }) => pattern);
  const joined = [...byPattern].map(([pattern, rules]) => joinRules(pattern, rules));
  const exact = new Map(
    joined.filter(({ pattern }) => pattern.isExact).map((rule) => [rule.pattern.text, rule]),
  );
  const open = joined
    .filter(({ pattern }) => !pattern.isExact)
    .sort((one, other) => bySpeciality(one.pattern.text, other.pattern.text));

  const ruleFor = (path: string, capability: Capability): JoinedRule | undefined => {
    const named = exact.get(path);
    if (named) return named;
    if (capability !== "list" || !path.endsWith("/"))
      return open.find(({ pattern }) => pattern.matches(path));
    // A folder is listed with a slash at its end, and rules name it with or without: "kv/+" is about listing "kv/a/" as well.
    const folder = path.slice(0, -1);
    return exact.get(folder) ?? open.find(({ pattern }) => pattern.matches(path) || pattern.matches(folder));
  };

  return {
    decide({ path, capability, parameters }) {
      const found = ruleFor(path, capability);
      if (!found) return { isAllowed: false, rule: undefined, why: "No rule matches the path." };
      const { pattern, policies: names, capabilities } = found;
      const rule = { pattern: pattern.text, policies: names };
      if (capabilities.has("deny")) return { isAllowed: false, rule, why: "The rule denies." };
      if (!capabilities.has(capability))
        return { isAllowed: false, rule, why: `The rule does not allow to ${capability}.` };
      const refused =
        parameters && withParameters.includes(capability)
          ? refusedParameter(found.parameters, parameters)
          : undefined;
      if (refused !== undefined)
        return { isAllowed: false, rule, why: `The rule allows to ${capability}, but ${refused}.` };
      return { isAllowed: true, rule, why: `The rule allows to ${capability}.` };
    },
  };
}

const allowedToRoot: AclAnswer = {
  isAllowed: true,
  rule: { pattern: "*", policies: [rootPolicyName] },
  why: 'The policy "root" allows everything.',
};
