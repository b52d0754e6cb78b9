import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import { statementsOf } from "./guard.ts";

/** Calls with which a leased user could take the guard off itself, or make credentials that outlive the lease. */
const telltaleActions: readonly string[] = [
  "iam:putuserpolicy",
  "iam:deleteuserpolicy",
  "iam:createaccesskey",
  "iam:createuser",
  "iam:createloginprofile",
  "iam:createrole",
  "iam:updateassumerolepolicy",
];

/** Managed policies of AWS that allow them. */
const telltalePolicies = /:iam::aws:policy\/(?:AdministratorAccess|IAMFullAccess)$/;

/**
 * Says whether a role's policies let the leased user write IAM, as far as they
 * can be read here: the document, and AWS's own policies of that kind by name.
 */
export function allowsIamWrites(role: {
  readonly document: JsonObject | undefined;
  readonly policyArns: readonly string[];
}): boolean {
  if (role.policyArns.some((arn) => telltalePolicies.test(arn))) return true;
  return statementsOf(role.document ?? {}).some(
    (statement) =>
      isJsonObject(statement) &&
      statement["Effect"] === "Allow" &&
      telltaleActions.some((action) => covers(statement, action)),
  );
}

function covers(statement: JsonObject, action: string): boolean {
  const { Action: actions, NotAction: notActions } = statement;
  if (notActions !== undefined) return !matchesAny(notActions, action);
  return actions !== undefined && matchesAny(actions, action);
}

function matchesAny(patterns: JsonValue, action: string): boolean {
  return [patterns].flat().some((pattern) => typeof pattern === "string" && matches(pattern, action));
}

/**
 * Matches IAM's wildcards: `*` for any characters, `?` for one; case does not
 * count. It goes back to the last star alone, so that no pattern takes long.
 */
function matches(pattern: string, action: string): boolean {
  const glob = pattern.toLowerCase();
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let i = 0; i < action.length; ) {
    if (glob[at] === "*") {
      star = at++;
      resume = i;
    } else if (glob[at] === "?" || glob[at] === action[i]) {
      at++;
      i++;
    } else if (star >= 0) {
      at = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  while (glob[at] === "*") at++;
  return at === glob.length;
}
