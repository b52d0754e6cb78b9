import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import type { ParameterValues, PolicyRule } from "./policy.ts";

/** The part of a rule that is about parameters. */
export type ParameterRules = Pick<
  PolicyRule,
  "allowedParameters" | "deniedParameters" | "requiredParameters"
>;

/**
 * Joins what several policies say of parameters at the same path, as Vault does: what is named by any of them counts, and "any
 * value" counts before values. A rule that says nothing of parameters does not lift what another says.
 */
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
    if (denied && isDenied(value, denied)) return `the parameter "${name}" is denied, or its value`;
  }
  if (allowedParameters.size === 0) return undefined;
  for (const [name, value] of given) {
    const allowed = allowedParameters.get(name);
    if (!allowed && !allowedParameters.has("*"))
      return `the parameter "${name}" is not among those that are allowed`;
    if (allowed && !isAllowed(value, allowed))
      return `the value of the parameter "${name}" is not among those that are allowed`;
  }
  return undefined;
}

/** Denied is a value that is on the list, or of which a part is: a list field takes a list, or its items with commas between them. */
function isDenied(value: JsonValue, denied: readonly JsonValue[]): boolean {
  const isListed = (part: JsonValue) => denied.some((one) => isLike(part, one));
  return denied.length === 0 || isListed(value) || partsOf(value).some(isListed);
}

/**
 * Allowed is a value that is on the list, or of which all parts are. A `*` does not reach over a comma, or one allowed item
 * would bring any others in with it.
 */
function isAllowed(value: JsonValue, allowed: readonly JsonValue[]): boolean {
  if (allowed.length === 0 || allowed.some((one) => isSame(value, one))) return true;
  const parts = partsOf(value);
  return parts.length > 0 && parts.every((part) => allowed.some((one) => isLike(part, one)));
}

function partsOf(value: JsonValue): readonly JsonValue[] {
  if (typeof value === "string") return value.split(",").map((part) => part.trim());
  return Array.isArray(value) ? value : [value];
}

/** Texts may begin or end with `*` in a policy, which then stands for anything. */
function isLike(value: JsonValue, wanted: JsonValue): boolean {
  if (wanted === "*") return true;
  if (typeof wanted !== "string" || isCompound(value)) return isSame(value, wanted);
  const text = String(value);
  const [isStartOpen, isEndOpen] = [wanted.startsWith("*"), wanted.endsWith("*")];
  const core = wanted.slice(isStartOpen ? 1 : 0, isEndOpen ? -1 : undefined);
  if (isStartOpen && isEndOpen) return text.includes(core);
  if (isStartOpen) return text.endsWith(core);
  return isEndOpen ? text.startsWith(core) : text === wanted;
}

/** Fields take `5` for `"5"` and `true` for `"true"`, so they are the same here; so are objects in whatever order. */
function isSame(one: JsonValue, other: JsonValue): boolean {
  if (!isCompound(one) || !isCompound(other))
    return !isCompound(one) && !isCompound(other) && String(one) === String(other);
  if (isJsonObject(one) !== isJsonObject(other)) return false;
  const [entries, others] = [Object.entries(one), new Map(Object.entries(other))];
  return (
    entries.length === others.size &&
    entries.every(([name, value]) => {
      const match = others.get(name);
      return match !== undefined && isSame(value, match);
    })
  );
}

function isCompound(value: JsonValue): value is JsonObject | readonly JsonValue[] {
  return typeof value === "object" && value !== null;
}
