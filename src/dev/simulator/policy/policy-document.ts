import { awsError } from "../aws-error.ts";
import { type Condition, ConditionSyntaxError, compileCondition } from "./condition.ts";
import { compileArnPattern, compilePattern, type Matcher } from "./pattern.ts";

/** One compiled statement of a policy. */
export interface Statement {
  readonly effect: "Allow" | "Deny";
  /** Tells whether the statement is about an action such as `iam:CreateUser`. */
  readonly coversAction: Matcher;
  /** Tells whether the statement is about a resource, given by its ARN; always so in a trust policy. */
  readonly coversResource: Matcher;
  readonly conditions: readonly Condition[];
  /** The ARNs, account ids or `*` a trust policy names; empty in an identity policy. */
  readonly principals: readonly string[];
}

/** A compiled policy. */
export interface PolicyDocument {
  readonly statements: readonly Statement[];
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
type JsonObject = { [name: string]: Json };

/** The two kinds of policy that IAM stores: of an identity, or of who may assume a role. */
export type PolicyKind = "identity" | "trust";

const statementElements = [
  "Sid",
  "Effect",
  "Action",
  "NotAction",
  "Resource",
  "NotResource",
  "Condition",
  "Principal",
];

function malformed(sentence = "Syntax errors in policy.") {
  return awsError("MalformedPolicyDocument", sentence);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function texts(value: Json | undefined): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((entry) => {
    if (typeof entry !== "string") throw malformed();
    return entry;
  });
}

/** Reads whichever of an element and its `Not…` form is there; exactly one may be. */
function eitherOf(
  statement: JsonObject,
  element: string,
): { values: string[]; isInverted: boolean } | undefined {
  const plain = statement[element];
  const inverted = statement[`Not${element}`];
  if (plain !== undefined && inverted !== undefined) throw malformed();
  const given = plain ?? inverted;
  if (given === undefined) return undefined;
  const values = texts(given);
  return values.length === 0 ? undefined : { values, isInverted: inverted !== undefined };
}

function covering(matchers: readonly Matcher[], isInverted: boolean): Matcher {
  return (value, lookup) => matchers.some((matches) => matches(value, lookup)) !== isInverted;
}

function compileActions(statement: JsonObject): Matcher {
  const actions = eitherOf(statement, "Action");
  if (actions === undefined) throw malformed("Policy statement must contain actions.");
  for (const action of actions.values) {
    if (action !== "*" && !/^[\w*?-]+:[\w*?-]+$/.test(action)) {
      throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    }
  }
  const syntax = { hasWildcards: true, hasVariables: false, ignoresCase: true };
  return covering(
    actions.values.map((action) => compilePattern(action, syntax)),
    actions.isInverted,
  );
}

function compileResources(statement: JsonObject, hasVariables: boolean): Matcher {
  const resources = eitherOf(statement, "Resource");
  if (resources === undefined) throw malformed("Policy statement must contain resources.");
  for (const resource of resources.values) {
    if (resource !== "*" && !/^arn:[\w*?-]*:/.test(resource)) {
      throw malformed(`Resource ${resource} must be in ARN format or "*".`);
    }
  }
  return covering(
    resources.values.map((resource) => compileArnPattern(resource, hasVariables)),
    resources.isInverted,
  );
}

function compileConditions(element: Json | undefined, hasVariables: boolean): Condition[] {
  if (element === undefined) return [];
  if (!isObject(element)) throw malformed();
  const conditions: Condition[] = [];
  for (const [operator, lines] of Object.entries(element)) {
    if (!isObject(lines)) throw malformed();
    for (const [key, value] of Object.entries(lines)) {
      const expected = (Array.isArray(value) ? value : [value]).map((entry) => {
        if (entry === null || typeof entry === "object") throw malformed();
        return String(entry);
      });
      if (!/^[\w-]+:.+$/.test(key)) {
        throw malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
      }
      conditions.push(compileCondition({ operator, key, expected, hasVariables }));
    }
  }
  return conditions;
}

function readPrincipals(element: Json | undefined): string[] {
  if (element === undefined) throw malformed("AssumeRole policy must contain a principal.");
  if (element === "*") return ["*"];
  if (!isObject(element)) throw malformed();
  return Object.entries(element).flatMap(([kind, value]) => {
    if (!["AWS", "Service", "Federated"].includes(kind)) throw malformed("Invalid principal in policy.");
    return texts(value);
  });
}

function compileStatement(statement: Json, kind: PolicyKind, hasVariables: boolean): Statement {
  if (!isObject(statement)) throw malformed();
  const unknown = Object.keys(statement).find((element) => !statementElements.includes(element));
  if (unknown !== undefined) throw malformed();
  const effect = statement["Effect"];
  if (effect !== "Allow" && effect !== "Deny") throw malformed();
  const sid = statement["Sid"];
  if (sid !== undefined && (typeof sid !== "string" || !/^[0-9A-Za-z]*$/.test(sid))) {
    throw malformed(
      "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
    );
  }
  if (kind === "identity" && statement["Principal"] !== undefined) {
    throw malformed("Policy document should not specify a principal.");
  }
  if (kind === "trust" && (statement["Resource"] ?? statement["NotResource"]) !== undefined) {
    throw malformed("Has prohibited field Resource");
  }
  return {
    effect,
    coversAction: compileActions(statement),
    coversResource: kind === "trust" ? () => true : compileResources(statement, hasVariables),
    conditions: compileConditions(statement["Condition"], hasVariables),
    principals: kind === "trust" ? readPrincipals(statement["Principal"]) : [],
  };
}

function parseJson(text: string): JsonObject {
  let parsed: Json;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw malformed();
  }
  if (!isObject(parsed)) throw malformed();
  return parsed;
}

function compileDocument(document: JsonObject, kind: PolicyKind): PolicyDocument {
  const version = document["Version"];
  const isOldTrust = kind === "trust" && (version === "2008-10-17" || version === undefined);
  if (version !== "2012-10-17" && !isOldTrust) {
    throw malformed("Policy document must be version 2012-10-17 or greater.");
  }
  if (Object.keys(document).some((name) => !["Version", "Id", "Statement"].includes(name))) throw malformed();
  const given = document["Statement"];
  const statements = Array.isArray(given) ? given : given === undefined ? [] : [given];
  if (statements.length === 0) throw malformed();
  // Policy variables came with the version of 2012; in older documents `${…}` is ordinary text.
  const hasVariables = version === "2012-10-17";
  const compiled = statements.map((statement) => compileStatement(statement, kind, hasVariables));
  const sids = statements.flatMap((statement) =>
    isObject(statement) && typeof statement["Sid"] === "string" && statement["Sid"] !== ""
      ? [statement["Sid"]]
      : [],
  );
  if (new Set(sids).size < sids.length) {
    throw malformed("Statement IDs (SID) in a single policy must be unique.");
  }
  return { statements: compiled };
}

/**
 * Checks a policy against the grammar of the policy language and compiles it.
 *
 * @throws AwsError `MalformedPolicyDocument`, with AWS's sentence for what is wrong.
 */
export function parsePolicyDocument(text: string, kind: PolicyKind): PolicyDocument {
  const document = parseJson(text);
  try {
    return compileDocument(document, kind);
  } catch (error) {
    if (error instanceof ConditionSyntaxError) throw malformed(error.message);
    throw error;
  }
}
