import { CoreError, quote } from "../../../core/errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../core/json.ts";
import { statementsOf } from "../guard.ts";

/** AWS's limit for a session policy as it is sent, in characters. Source: API reference of AssumeRole, `Policy`. */
export const sessionPolicyCharactersMax = 2048;

/** AWS's limit for the managed policies of a session. Source: API reference of AssumeRole, `PolicyArns`. */
export const sessionPolicyArnsMax = 10;

/** A policy that goes into a session policy, and where it is from, for messages. */
export interface PolicySource {
  readonly from: string;
  readonly document: JsonObject;
}

/**
 * Joins policies into one session policy, as JSON text; undefined where there are none. Names of statements are left out: they
 * may occur twice, and count. Throws `INVALID_POLICY`.
 */
export function sessionPolicyOf(sources: readonly PolicySource[]): string | undefined {
  if (sources.length === 0) return undefined;
  const old = sources.filter(({ document }) => document["Version"] !== "2012-10-17");
  const isOld = old.length === sources.length;
  // In an old policy "${" is text, and in a new one a variable: together they would say something else.
  const mixed = isOld ? undefined : old.find(({ document }) => JSON.stringify(document).includes("${"));
  if (mixed) {
    throw invalid(
      `${mixed.from} is of an old version of policies and holds "\${", which means something else in the others. ` +
        'Give it "Version": "2012-10-17".',
    );
  }
  const policy = {
    Version: isOld ? "2008-10-17" : "2012-10-17",
    Statement: sources.flatMap(({ document }) => statementsOf(document).map(withoutSid)),
  };
  const text = JSON.stringify(policy);
  if (text.length > sessionPolicyCharactersMax) {
    throw invalid(
      `${listed(sources.map(({ from }) => from))} make a session policy of ${text.length} characters, and AWS takes ` +
        `${sessionPolicyCharactersMax}. Shorten them, or make a part of them managed policies.`,
    );
  }
  return text;
}

/** Reads the text of a policy that AWS has answered. Throws `INVALID_POLICY`. */
export function policySourceOf(text: string, from: string): PolicySource {
  try {
    const document: JsonValue = JSON.parse(text);
    if (isJsonObject(document)) return { from, document };
  } catch {
    // The same as a document that is no object.
  }
  throw invalid(`${from} is no JSON object.`);
}

/** Checks that AWS takes so many managed policies. Throws `INVALID_POLICY`. */
export function checkSessionPolicyArns(arns: readonly string[]): void {
  if (arns.length <= sessionPolicyArnsMax) return;
  throw invalid(
    `The role and its groups name ${arns.length} managed policies, and AWS takes ${sessionPolicyArnsMax} for a session: ${arns.map(quote).join(", ")}.`,
  );
}

function withoutSid(statement: JsonValue): JsonValue {
  if (!isJsonObject(statement)) return statement;
  const { Sid: _, ...rest } = statement;
  return rest;
}

function listed(texts: readonly string[]): string {
  const last = texts.at(-1) ?? "";
  return texts.length < 2 ? last : `${texts.slice(0, -1).join(", ")} and ${last}`;
}

function invalid(problem: string): CoreError {
  return new CoreError("INVALID_POLICY", problem.charAt(0).toUpperCase() + problem.slice(1), {
    details: { field: "policy_document" },
  });
}
