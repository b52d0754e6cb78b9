import { isJsonObject, type JsonObject, type JsonValue } from "../../core/json.ts";
import { statementsOf } from "./guard.ts";

/**
 * Calls with which a leased user could take the guard off itself, slip out of its revocation, or make credentials that outlive the
 * lease: by writing its own policies or those of its groups, by taking a boundary off, by another name or other tags,
 * or by a key, a password, a user or a role of its making.
 */
const telltaleActions: readonly string[] = [
  ...["putuserpolicy", "deleteuserpolicy", "attachuserpolicy"],
  ...["putgrouppolicy", "attachgrouppolicy", "addusertogroup"],
  ...["createpolicyversion", "setdefaultpolicyversion"],
  ...["putuserpermissionsboundary", "deleteuserpermissionsboundary"],
  ...["updateuser", "taguser", "untaguser"],
  ...["createaccesskey", "createloginprofile", "updateloginprofile", "createuser"],
  ...["createrole", "updateassumerolepolicy", "putrolepolicy", "attachrolepolicy"],
].map((name) => `iam:${name}`);

/**
 * Managed policies of AWS that allow them, by the ends of their ARNs. PowerUserAccess is none of them: it allows everything but IAM,
 * where it reads, and makes roles of AWS's services alone.
 */
const telltalePolicies = /:iam::aws:policy\/(?:AdministratorAccess|IAMFullAccess)$/;

/**
 * Says whether a role's policies let the leased user write IAM, as far as they
 * can be read here: the document, and AWS's own policies of that kind by name. What the document denies in every case is
 * not allowed, whatever else says so.
 */
export function allowsIamWrites(role: {
  readonly document: JsonObject | undefined;
  readonly policyArns: readonly string[];
}): boolean {
  const statements = statementsOf(role.document ?? {}).filter(isJsonObject);
  const denials = statements.filter(isDenialInEveryCase);
  const open = telltaleActions.filter((action) => !denials.some((denial) => covers(denial, action)));
  if (open.length === 0) return false;
  if (role.policyArns.some((arn) => telltalePolicies.test(arn))) return true;
  return statements.some(
    (statement) =>
      statement["Effect"] === "Allow" &&
      reachesIam(statement) &&
      open.some((action) => covers(statement, action)),
  );
}

function isDenialInEveryCase(statement: JsonObject): boolean {
  const { Effect: effect, Condition: condition, Resource: resource } = statement;
  return effect === "Deny" && condition === undefined && textsOf(resource).includes("*");
}

/** Says whether a statement can be about anything of IAM's. A star before the service may stand for every service. */
function reachesIam({ Resource: resource, NotResource: notResource }: JsonObject): boolean {
  if (resource === undefined) return !textsOf(notResource).includes("*");
  return textsOf(resource).some((text) => {
    const [arn = "", partition = "", service = ""] = text.split(":");
    return `${arn}${partition}`.includes("*") || matches(service, "iam");
  });
}

function covers(statement: JsonObject, action: string): boolean {
  const { Action: actions, NotAction: notActions } = statement;
  if (notActions !== undefined) return !matchesAny(notActions, action);
  return actions !== undefined && matchesAny(actions, action);
}

function matchesAny(patterns: JsonValue, action: string): boolean {
  return textsOf(patterns).some((pattern) => matches(pattern, action));
}

function textsOf(value: JsonValue | undefined): readonly string[] {
  return [value].flat().filter((item) => typeof item === "string");
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
