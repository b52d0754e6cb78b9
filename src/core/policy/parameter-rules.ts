import type { JsonObject, JsonValue } from "../json.ts";
import type { ParameterValues, PolicyRule } from "./policy.ts";

/** The part of a rule that is about parameters. */
export type ParameterRules = Pick<
  PolicyRule,
  "allowedParameters" | "deniedParameters" | "requiredParameters"
>;

/** Joins what several policies say of parameters at the same path: what is named by any of them counts, and "any value" counts before values. */
export function joinParameterRules(rules: readonly ParameterRules[]): ParameterRules {
  return {
    allowedParameters: joinValues(rules.map(({ allowedParameters }) => allowedParameters)),
    deniedParameters: joinValues(rules.map(({ deniedParameters }) => deniedParameters)),
    requiredParameters: [...new Set(rules.flatMap(({ requiredParameters }) => requiredParameters))],
  };
}

function joinValues(all: readonly ParameterValues[]): ParameterValues {
  const joined = new Map<string, readonly JsonValue[]>();
  for (const values of all) {
    for (const [name, allowed] of values) {
      const before = joined.get(name);
      const isAny = allowed.length === 0 || before?.length === 0;
      joined.set(name, isAny ? [] : [...(before ?? []), ...allowed]);
    }
  }
  return joined;
}

/** Says what is wrong with the parameters of a request; undefined where nothing is. Values are not repeated: they may be secrets. */
export function refusedParameter(rules: ParameterRules, parameters: JsonObject): string | undefined {
  const { allowedParameters, deniedParameters, requiredParameters } = rules;
  const given = Object.entries(parameters).map(([name, value]) => [name.toLowerCase(), value] as const);
  const missing = requiredParameters.find((name) => !given.some(([present]) => present === name));
  if (missing !== undefined) return `the parameter "${missing}" is required`;
  if (given.length === 0) return undefined;
  if (deniedParameters.has("*")) return "all parameters are denied";
  for (const [name, value] of given) {
    const denied = deniedParameters.get(name);
    if (denied && isAmong(value, denied)) return `the parameter "${name}" is denied, or its value`;
  }
  if (allowedParameters.size === 0) return undefined;
  for (const [name, value] of given) {
    const allowed = allowedParameters.get(name);
    if (!allowed && !allowedParameters.has("*"))
      return `the parameter "${name}" is not among those that are allowed`;
    if (allowed && !isAmong(value, allowed))
      return `the value of the parameter "${name}" is not among those that are allowed`;
  }
  return undefined;
}

/** Whether a value is one of a list; an empty list stands for every value. */
function isAmong(value: JsonValue, values: readonly JsonValue[]): boolean {
  return values.length === 0 || values.some((one) => isLike(value, one));
}

/** Texts may begin or end with `*` in a policy, which then stands for anything. */
function isLike(value: JsonValue, wanted: JsonValue): boolean {
  if (typeof wanted !== "string" || typeof value !== "string")
    return JSON.stringify(value) === JSON.stringify(wanted);
  const [isStartOpen, isEndOpen] = [wanted.startsWith("*"), wanted.length > 1 && wanted.endsWith("*")];
  const core = wanted.slice(isStartOpen ? 1 : 0, isEndOpen ? -1 : undefined);
  if (isStartOpen && isEndOpen) return value.includes(core);
  if (isStartOpen) return value.endsWith(core);
  return isEndOpen ? value.startsWith(core) : value === wanted;
}
