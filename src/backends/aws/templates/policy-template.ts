import { isJsonObject, type JsonObject, type JsonValue } from "../../../core/json.ts";
import {
  hasVariables,
  renderTemplate,
  type TemplateValues,
  type TemplateVariable,
  templateProblem,
  variablesOf,
} from "./template.ts";

/** Longest name or id of a caller in a policy, in characters as they stand there. Policies are checked for room for it when they are written. */
export const callerCharactersMax = 128;

/** Elements of a statement whose values can have variables. In others a caller's name would decide what is allowed, not on what. */
const templateElements: readonly string[] = ["Resource", "NotResource", "Condition"];

/** Characters that a policy may hold. Source: pattern of PolicyDocument in the API reference of PutUserPolicy. */
export const policyCharacters = /^[\t\n\r\u0020-\u00ff]*$/;

/** Tells what is wrong with the variables of a statement, to complete "Statement …: it …"; undefined where nothing is. */
export function statementTemplateProblem(statement: JsonObject, version: JsonValue): string | undefined {
  for (const [name, value] of Object.entries(statement)) {
    if (!hasVariables(JSON.stringify(value))) continue;
    if (!templateElements.includes(name)) {
      return `has a variable in ${JSON.stringify(name)}. Variables can stand in ${templateElements.join(", ")} only.`;
    }
    if (namesOf(value).some(hasVariables))
      return "has a variable in a name. Variables can stand in values only.";
    const problem = textsOf(value)
      .map((text) => templateProblem(text))
      .find((found) => found !== undefined);
    if (problem !== undefined) return problem;
    // Elsewhere the stars of a value could not be told from those of the policy.
    if (version !== "2012-10-17") return 'has a variable, which needs "Version": "2012-10-17".';
  }
  return undefined;
}

/** The variables that a policy names. */
export function policyVariablesOf(document: JsonObject): readonly string[] {
  const text = JSON.stringify(document);
  return hasVariables(text) ? variablesOf(text) : [];
}

/**
 * Puts values in place of the variables of a policy. What would be a wildcard or a policy variable in a value stands for itself:
 * a caller named `*` gets no more than its name. Source: the policy variables `${*}`, `${?}` and `${$}`,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
 */
export function renderPolicy(document: JsonObject, values: TemplateValues): JsonObject {
  if (!hasVariables(JSON.stringify(document))) return document;
  const render = (value: JsonValue): JsonValue => {
    if (typeof value === "string")
      return renderTemplate(value, (variable) => plainInPolicy(values[variable]));
    if (Array.isArray(value)) return value.map(render);
    return isJsonObject(value)
      ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name, render(item)]))
      : value;
  };
  const statement = (given: JsonValue): JsonValue =>
    isJsonObject(given)
      ? Object.fromEntries(
          Object.entries(given).map(([name, value]) => [
            name,
            templateElements.includes(name) ? render(value) : value,
          ]),
        )
      : given;
  const { Statement: statements = [] } = document;
  return {
    ...document,
    Statement: Array.isArray(statements) ? statements.map(statement) : statement(statements),
  };
}

/** A policy as long as it can become, for a role of a mount. */
export function longestPolicy(
  document: JsonObject,
  place: { readonly role: string; readonly mountPath: string },
): JsonObject {
  const { role, mountPath } = place;
  const caller = "x".repeat(callerCharactersMax);
  const uuid = "00000000-0000-0000-0000-000000000000";
  return renderPolicy(document, {
    "caller.name": caller,
    "caller.id": caller,
    role,
    mount: mountPath,
    "lease.id": `${mountPath}/creds/${role}/${uuid}`,
    "lease.uuid": uuid,
  });
}

/** Tells what keeps a value out of a policy, to complete "The caller's name …"; undefined where nothing does. */
export function policyValueProblem(value: string, variable: TemplateVariable): string | undefined {
  if (value === "") return `is empty, so that {{${variable}}} would stand for anything`;
  if (!policyCharacters.test(value) || /[\u0000-\u001f\u007f-\u009f]/.test(value))
    return "has characters that policies cannot hold: all must be from U+0020 to U+00FF";
  const characters = JSON.stringify(plainInPolicy(value)).length - 2;
  if (characters <= callerCharactersMax) return undefined;
  return `takes ${characters} characters in a policy, and ${callerCharactersMax} are allowed`;
}

function plainInPolicy(value: string): string {
  return value.replace(/[*?$]/g, (special) => `\${${special}}`);
}

function namesOf(value: JsonValue): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(namesOf);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => [name, ...namesOf(item)]);
}

function textsOf(value: JsonValue): readonly string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  return isJsonObject(value) ? Object.values(value).flatMap(textsOf) : [];
}
