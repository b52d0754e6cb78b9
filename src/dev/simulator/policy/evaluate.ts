import type { KeyLookup } from "./pattern.ts";
import type { PolicyDocument } from "./policy-document.ts";

/** The policies that bear on a caller: all of a kind are joined, and every kind that is there must allow. */
export interface PolicySet {
  readonly identity: readonly PolicyDocument[];
  readonly boundary: PolicyDocument | undefined;
  /** The session policies; undefined where no session policy restricts the caller. */
  readonly session: readonly PolicyDocument[] | undefined;
}

/** What is asked: may this be done to that, under these circumstances? */
export interface Question {
  readonly action: string;
  readonly resource: string;
  readonly lookup: KeyLookup;
}

type Verdict = "allow" | "deny" | "silent";

/** What one group of policies says: an explicit Deny wins over any Allow. */
export function verdictOf(documents: readonly PolicyDocument[], question: Question): Verdict {
  let verdict: Verdict = "silent";
  for (const document of documents) {
    for (const statement of document.statements) {
      if (statement.effect === "Allow" && verdict === "allow") continue;
      if (!statement.coversAction(question.action, question.lookup)) continue;
      if (!statement.coversResource(question.resource, question.lookup)) continue;
      if (!statement.conditions.every((isMet) => isMet(question.lookup))) continue;
      if (statement.effect === "Deny") return "deny";
      verdict = "allow";
    }
  }
  return verdict;
}

/**
 * Says why a question is answered no, in the words AWS ends its refusal with; undefined when it is answered yes.
 *
 * The order is the one of the IAM User Guide's "Policy evaluation logic": an explicit Deny anywhere first, then each kind
 * of policy that is there has to allow.
 */
export function refusalOf(policies: PolicySet, question: Question): string | undefined {
  const kinds: [string, readonly PolicyDocument[]][] = [["identity-based policy", policies.identity]];
  if (policies.boundary !== undefined) kinds.push(["permissions boundary", [policies.boundary]]);
  if (policies.session !== undefined) kinds.push(["session policy", policies.session]);
  let silent: string | undefined;
  for (const [kind, documents] of kinds) {
    const verdict = verdictOf(documents, question);
    if (verdict === "deny") {
      return `with an explicit deny in ${kind === "identity-based policy" ? "an" : "a"} ${kind}`;
    }
    if (verdict === "silent") silent ??= kind;
  }
  return silent === undefined ? undefined : `because no ${silent} allows the ${question.action} action`;
}
