import { CoreError, quote } from "../../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import { guardSid, statementsOf, withGuard } from "./guard.ts";
import { sessionPolicyCharactersMax } from "./sts/session-policy.ts";
import { policyCharacters, statementTemplateProblem } from "./templates/policy-template.ts";
import { hasVariables } from "./templates/template.ts";

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

/** What a policy is to become, which decides how long it may be. */
export interface PolicyUse {
  /** The inline policy of a user, with the guard or without, or what limits a session. */
  readonly kind: "guarded" | "bare" | "session";
  /** The policy as long as its variables can make it. */
  readonly longest: () => JsonObject;
}

function invalid(field: string, problem: string): CoreError {
  return new CoreError("INVALID_POLICY", `Field ${quote(field)} ${problem}`, { details: { field } });
}

/**
 * Checks a role's policy against the grammar of IAM policies as far as it can
 * be told without AWS, its variables, and that it fits where it is to go: beside the guard into a user's inline
 * policy, where nothing else is said. Throws `INVALID_POLICY`, naming the field and the statement.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export function checkPolicyDocument(
  document: JsonObject,
  field: string,
  use: PolicyUse = { kind: "guarded", longest: () => document },
): void {
  const unknown = Object.keys(document).find((name) => !documentElements.includes(name));
  if (unknown !== undefined) {
    throw invalid(
      field,
      `has an element ${quote(unknown)}; a policy has Version, Statement and perhaps Id (case matters).`,
    );
  }
  const { Version: version = null } = document;
  if (!versions.includes(version)) {
    throw invalid(field, 'must have "Version": "2012-10-17" (or "2008-10-17").');
  }
  const statements = statementsOf(document);
  if (statements.length === 0)
    throw invalid(field, 'must have at least one statement, in "Statement": [{…}].');
  const sids = new Set<string>();
  for (const [at, statement] of statements.entries()) {
    const problem = statementProblem(statement, { sids, version });
    if (problem !== undefined) throw invalid(field, `is wrong in statement ${at + 1}: ${problem}`);
  }
  checkSize(document, use, field);
}

function statementProblem(
  statement: JsonValue,
  { sids, version }: { readonly sids: Set<string>; readonly version: JsonValue },
): string | undefined {
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
  const problem = statementTemplateProblem(statement, version);
  if (problem !== undefined) return `it ${problem}`;
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

function checkSize(written: JsonObject, { kind, longest }: PolicyUse, field: string): void {
  const document = longest();
  const has = hasVariables(JSON.stringify(written)) ? "its variables can make it" : "it has";
  if (!policyCharacters.test(JSON.stringify(document))) {
    throw invalid(field, "has characters that IAM does not take: all must be from U+0020 to U+00FF.");
  }
  if (kind === "session") {
    checkSessionSize(document, { field, has });
    return;
  }
  const own = sizeOf(document);
  const whole = kind === "guarded" ? sizeOf(withGuard(document, { guardedToMs: 0, graceMs: 0 })) : own;
  if (whole <= inlinePolicyCharactersMax) return;
  const guard = kind === "guarded" ? `, and the statement that ends the lease adds ${whole - own}` : "";
  throw invalid(
    field,
    `is too long: ${has} ${own} characters${guard}; IAM allows ` +
      `${inlinePolicyCharactersMax} together, white space not counted. Shorten it, or make it a managed policy and name that in "policy_arns".`,
  );
}

/** A session policy goes without the names of statements, and all its characters count. */
function checkSessionSize(
  document: JsonObject,
  { field, has }: { readonly field: string; readonly has: string },
): void {
  const statements = statementsOf(document).map((statement) =>
    isJsonObject(statement) ? { ...statement, Sid: undefined } : statement,
  );
  const characters = JSON.stringify({ Version: document["Version"], Statement: statements }).length;
  if (characters <= sessionPolicyCharactersMax) return;
  throw invalid(
    field,
    `is too long: ${has} ${characters} characters, and AWS allows ${sessionPolicyCharactersMax} for what limits a session. ` +
      'Shorten it, or make it a managed policy and name that in "policy_arns".',
  );
}

function sizeOf(document: JsonObject): number {
  return JSON.stringify(document).replace(/\s/g, "").length;
}
