import { type Caller, rootPolicyName } from "../caller.ts";
import { CoreError, quote } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Lease } from "../lease.ts";
import type { OperationName, Operations } from "../requests.ts";
import { operationRights, type Right, type RightName } from "./operation-rights.ts";
import type { RecentlyEnded } from "./recently-ended.ts";

/** What the policies of a caller say. */
export interface AccessRules {
  decide(question: {
    readonly path: string;
    readonly capability: RightName;
    readonly parameters?: JsonObject;
  }): { readonly isAllowed: boolean };
}

/** What the authorizer works with. */
export interface AuthorizerOptions {
  /** The rules of policies by their names; answers at once what it has read a moment ago. */
  readonly rulesOf: (policies: readonly string[]) => AccessRules | Promise<AccessRules>;
  /** The lease with an id; undefined where there is none. */
  readonly findLease: (id: string) => Promise<Lease | undefined>;
  /** Tells whether something is stored at a path; undefined where the path cannot tell. */
  readonly exists: (path: string) => Promise<boolean | undefined>;
  readonly recentlyEnded: RecentlyEnded;
}

/** Decides whether a caller may do something. Throws `PERMISSION_DENIED`. Answers at once where it can. */
export type Authorize = <Name extends OperationName>(
  caller: Caller,
  operation: Name,
  input: Operations[Name]["input"],
) => void | Promise<void>;

/** The one answer to all that is not allowed, so that it says nothing of what there is. */
function denied(path: string): CoreError {
  return new CoreError(
    "PERMISSION_DENIED",
    `Permission denied: no policy of this token allows it at ${quote(path)}. "leasehold policy test" says which rule decides.`,
    { details: { path: path.slice(0, 1200) } },
  );
}

/** Makes the authorizer. What no rule allows is denied. */
export function createAuthorizer(options: AuthorizerOptions): Authorize {
  const { rulesOf, findLease, exists, recentlyEnded } = options;

  /** Whether a caller made the lease. Of a lease of somebody else it says what it says of none. */
  const isMaker = async (caller: Caller, leaseId: string): Promise<boolean> => {
    const lease = await findLease(leaseId);
    if (!lease) return recentlyEnded.has(leaseId, caller.id);
    if (lease.caller !== caller.id) return false;
    // What it does with it may well be the end of it.
    recentlyEnded.add(leaseId, caller.id);
    return true;
  };

  const isAllowed = (rules: AccessRules, { path, parameters }: Right, capability: RightName): boolean =>
    rules.decide({ path, capability, ...(parameters && { parameters }) }).isAllowed;

  /** Writing needs `create` or `update`; which of them is asked only where it matters. */
  const mayWrite = async (rules: AccessRules, right: Right): Promise<boolean> => {
    const [create, update] = [isAllowed(rules, right, "create"), isAllowed(rules, right, "update")];
    if (create === update) return create;
    // Like Vault: a path that cannot tell takes every write for an update.
    return (await exists(right.path)) === false ? create : update;
  };

  const check = async (rules: AccessRules, right: Right, caller: Caller): Promise<void> => {
    for (const capability of right.capabilities) {
      const may = capability === "write" ? await mayWrite(rules, right) : isAllowed(rules, right, capability);
      if (may) continue;
      const { orMakerOf: leaseId } = right;
      if (leaseId === undefined || !(await isMaker(caller, leaseId))) throw denied(right.path);
    }
  };

  return (caller, operation, input) => {
    if (caller.policies.includes(rootPolicyName)) return;
    const need = operationRights[operation](input);
    if (need === "token" || need === "nothing") return;
    const rules = rulesOf(caller.policies);
    if (rules instanceof Promise) return rules.then((read) => check(read, need, caller));
    const isPlain = need.capabilities.every((capability) => capability !== "write");
    if (isPlain && need.capabilities.every((each) => isAllowed(rules, need, each as RightName))) return;
    return check(rules, need, caller);
  };
}
