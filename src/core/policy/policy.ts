import { didYouMean } from "../did-you-mean.ts";
import { quote } from "../errors.ts";
import { invalidField } from "../field.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json.ts";
import { checkPattern } from "./policy-pattern.ts";
import { findRepeatedKey } from "./repeated-key.ts";

/** What a rule can allow; `deny` allows nothing, whatever stands beside it. */
export const capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo", "deny"] as const;

/** One of them. */
export type Capability = (typeof capabilities)[number];

/** Values by the name of a parameter, in lower case; none means any value. */
export type ParameterValues = ReadonlyMap<string, readonly JsonValue[]>;

/** What a policy says about one path. */
export interface PolicyRule {
  readonly pattern: string;
  readonly capabilities: readonly Capability[];
  /** Only these parameters may be given, unless `*` is among them; empty means all. */
  readonly allowedParameters: ParameterValues;
  /** These must not be given. They count before those that are allowed. */
  readonly deniedParameters: ParameterValues;
  /** These must be given. */
  readonly requiredParameters: readonly string[];
}

/** A policy: its rules, by path. */
export interface Policy {
  readonly rules: readonly PolicyRule[];
}

const textCharactersMax = 48 * 1024;
const rulesMax = 1000;
const ruleKeys = ["capabilities", "allowed_parameters", "denied_parameters", "required_parameters"];

/** Reads the JSON of a policy: `{"path": {"aws/creds/*": {"capabilities": ["read"]}}}`. Throws `INVALID_FIELD`, which says where it breaks. */
export function parsePolicy(text: string): Policy {
  if (text.length > textCharactersMax)
    throw bad(`is ${text.length} characters long; ${textCharactersMax} are allowed. Split it.`);
  const document = parseJson(text);
  const stray = Object.keys(document).find((key) => key !== "path");
  if (stray !== undefined) throw bad(`has a key ${quote(stray)}; the only one is "path".`);
  const { path: paths } = document;
  if (!isJsonObject(paths))
    throw bad('needs a key "path" that holds an object: paths, each with its "capabilities".');
  const entries = Object.entries(paths);
  if (entries.length > rulesMax) throw bad(`has ${entries.length} paths; ${rulesMax} are allowed. Split it.`);
  return { rules: entries.map(([pattern, rule]) => parseRule(pattern, rule)) };
}

function parseJson(text: string): JsonObject {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    throw bad(`is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isJsonObject(value)) throw bad('must be a JSON object such as {"path": {…}}.');
  const twice = findRepeatedKey(text);
  if (twice !== undefined) throw bad(`has the key ${quote(twice)} twice in one object. Join the two.`);
  return value;
}

function parseRule(pattern: string, rule: JsonValue): PolicyRule {
  const problem = checkPattern(pattern);
  if (problem !== undefined) throw bad(`has the path ${quote(pattern)}, which ${problem}`);
  if (!isJsonObject(rule)) throw bad(`has no object at ${quote(pattern)}. Give it "capabilities".`);
  for (const key of Object.keys(rule)) {
    if (ruleKeys.includes(key)) continue;
    const meant = didYouMean(key, ruleKeys);
    const hint = meant ? `Did you mean ${quote(meant)}?` : `There are ${ruleKeys.join(", ")}.`;
    throw bad(`has an unknown key ${quote(key)} at ${quote(pattern)}. ${hint}`);
  }
  return {
    pattern,
    capabilities: parseCapabilities(pattern, rule.capabilities),
    allowedParameters: parseParameters(pattern, "allowed_parameters", rule.allowed_parameters),
    deniedParameters: parseParameters(pattern, "denied_parameters", rule.denied_parameters),
    requiredParameters: parseNames(pattern, rule.required_parameters),
  };
}

function parseCapabilities(pattern: string, given: JsonValue | undefined): readonly Capability[] {
  if (!Array.isArray(given)) throw bad(`needs "capabilities" at ${quote(pattern)}: a list such as ["read"].`);
  return given.map((name) => {
    const known = capabilities.find((capability) => capability === name);
    if (known !== undefined) return known;
    const meant = typeof name === "string" ? didYouMean(name, capabilities) : undefined;
    const hint = meant ? `Did you mean ${quote(meant)}?` : `There are ${capabilities.join(", ")}.`;
    throw bad(`has an unknown capability ${quote(String(name))} at ${quote(pattern)}. ${hint}`);
  });
}

function parseParameters(pattern: string, key: string, given: JsonValue | undefined): ParameterValues {
  if (given === undefined) return new Map();
  if (!isJsonObject(given))
    throw bad(`needs an object as ${quote(key)} at ${quote(pattern)}: names, each with a list of values.`);
  const parsed = new Map<string, readonly JsonValue[]>();
  for (const [name, values] of Object.entries(given)) {
    const where = `${quote(name)} in ${quote(key)} at ${quote(pattern)}`;
    if (!Array.isArray(values)) throw bad(`needs a list of values for ${where}; [] means any value.`);
    // Vault takes values here and does not look at them: whoever wrote them would be surprised.
    if (name === "*" && values.length > 0) throw bad(`has values for ${where}; it can only be [].`);
    if (parsed.has(name.toLowerCase()))
      throw bad(`has ${where} twice: case does not count in names. Join the two.`);
    parsed.set(name.toLowerCase(), values);
  }
  return parsed;
}

function parseNames(pattern: string, given: JsonValue | undefined): readonly string[] {
  if (given === undefined) return [];
  if (Array.isArray(given) && given.every((name) => typeof name === "string"))
    return given.map((name) => String(name).toLowerCase());
  throw bad(`needs a list of names as "required_parameters" at ${quote(pattern)}.`);
}

function bad(problem: string) {
  return invalidField("policy", problem);
}
