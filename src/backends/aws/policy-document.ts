import { CoreError, quote } from "../../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import { guardSid, statementsOf, withGuard } from "./guard.ts";

/**
 * IAM's limit for all inline policies of a user together, in characters; white
 * space is not counted.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
export const inlinePolicyCharactersMax = 2048;

const versions: readonly JsonValue[] = ["2012-10-17", "2008-10-17"];
const documentElements: readonly string[] = ["Version", "Id", "Statement"];
const statementElements: readonly string[] = [
  "Sid",
  "Effect",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
];

/** Characters that a policy may hold. Source: pattern of PolicyDocument in the API reference of PutUserPolicy. */
const policyCharacters = /^[\t\n\r\u0020-\u00ff]*$/;

function invalid(field: string, problem: string): CoreError {
  return new CoreError("INVALID_POLICY", `Field ${quote(field)} ${problem}`, { details: { field } });
}

/**
 * Checks a role's policy against the grammar of IAM policies as far as it can
 * be told without AWS, and that it fits beside the guard into a user's inline
 * policy. Throws `INVALID_POLICY`, naming the field and the statement.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export function checkPolicyDocument(document: JsonObject, field: string): void {
  const unknown = Object.keys(document).find((name) => !documentElements.includes(name));
  if (unknown !== undefined) {
    throw invalid(
      field,
      `has an element ${quote(unknown)}; a policy has Version, Statement and perhaps Id (case matters).`,
    );
  }
  if (!versions.includes(document["Version"] ?? null)) {
    throw invalid(field, 'must have "Version": "2012-10-17" (or "2008-10-17").');
  }
  const statements = statementsOf(document);
  if (statements.length === 0)
    throw invalid(field, 'must have at least one statement, in "Statement": [{…}].');
  const sids = new Set<string>();
  for (const [at, statement] of statements.entries()) {
    const problem = statementProblem(statement, sids);
    if (problem !== undefined) throw invalid(field, `is wrong in statement ${at + 1}: ${problem}`);
  }
  checkSize(document, field);
}

function statementProblem(statement: JsonValue, sids: Set<string>): string | undefined {
  if (!isJsonObject(statement)) return "it must be a JSON object.";
  if ("Principal" in statement || "NotPrincipal" in statement) {
    return "it names a principal, which only policies of resources have. Take it out: the leased user is meant.";
  }
  const unknown = Object.keys(statement).find((name) => !statementElements.includes(name));
  if (unknown !== undefined)
    return `it has an element ${quote(unknown)}, which IAM does not know (case matters).`;
  const { Sid: sid, Effect: effect, Condition: condition } = statement;
  if (effect !== "Allow" && effect !== "Deny") return '"Effect" must be "Allow" or "Deny".';
  for (const [one, other] of [
    ["Action", "NotAction"],
    ["Resource", "NotResource"],
  ] as const) {
    const given = [statement[one], statement[other]].filter((value) => value !== undefined);
    if (given.length !== 1) return `it must have either "${one}" or "${other}".`;
    if (!given.every(isTextOrTexts)) return `"${one}" must be a text or a list of texts that is not empty.`;
  }
  if (condition !== undefined && !isJsonObject(condition)) return '"Condition" must be a JSON object.';
  if (sid === undefined) return undefined;
  if (typeof sid !== "string" || !/^[0-9A-Za-z]*$/.test(sid)) return '"Sid" must be letters and digits.';
  if (sid === guardSid) return `"Sid" ${quote(guardSid)} is taken by the statement that ends the lease.`;
  if (sid !== "" && sids.has(sid)) return `"Sid" ${quote(sid)} occurs twice.`;
  sids.add(sid);
  return undefined;
}

function isTextOrTexts(value: JsonValue): boolean {
  const texts = Array.isArray(value) ? value : [value];
  return texts.length > 0 && texts.every((text) => typeof text === "string" && text !== "");
}

function checkSize(document: JsonObject, field: string): void {
  const text = JSON.stringify(document);
  if (!policyCharacters.test(text)) {
    throw invalid(field, "has characters that IAM does not take: all must be from U+0020 to U+00FF.");
  }
  const own = sizeOf(document);
  const whole = sizeOf(withGuard(document, 0));
  if (whole > inlinePolicyCharactersMax) {
    throw invalid(
      field,
      `is too long: it has ${own} characters, and the statement that ends the lease adds ${whole - own}; IAM allows ` +
        `${inlinePolicyCharactersMax} together, white space not counted. Shorten it, or make it a managed policy and name that in "policy_arns".`,
    );
  }
}

function sizeOf(document: JsonObject): number {
  return JSON.stringify(document).replace(/\s/g, "").length;
}
