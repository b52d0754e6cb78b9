import type { Caller } from "../../../core/caller.ts";
import { CoreError, quote } from "../../../core/errors.ts";
import type { Role } from "../role.ts";
import { policyValueProblem, policyVariablesOf, renderPolicy } from "./policy-template.ts";
import { renderTags } from "./tag-template.ts";
import { type TemplateValues, templateVariables } from "./template.ts";

/** A role with values in place of the variables of its policy and its tags. */
export function renderRole(role: Role, values: TemplateValues): Role {
  return {
    ...role,
    document: role.document === undefined ? undefined : renderPolicy(role.document, values),
    tags: renderTags(role.tags, values),
    sessionTags: renderTags(role.sessionTags, values),
  };
}

/** Checks, before anything is made, that a role's policy can be filled in, and with this caller. Throws `INVALID_POLICY`. */
export function checkCallerFits(role: Role, caller: Pick<Caller, "id" | "name">, roleName: string): void {
  const variables = role.document === undefined ? [] : policyVariablesOf(role.document);
  const unknown = variables.find((name) => !templateVariables.some((known) => known === name));
  if (unknown !== undefined) {
    throw new CoreError(
      "INVALID_POLICY",
      `Cannot issue for role ${quote(roleName)}: its policy was written before there were variables, and has one that is not known, ` +
        `${quote(`{{${unknown}}}`)}. Write the role anew.`,
      { details: { field: "policy_document", role: roleName, variable: unknown } },
    );
  }
  for (const part of ["name", "id"] as const) {
    const variable = `caller.${part}` as const;
    const problem = variables.includes(variable) ? policyValueProblem(caller[part], variable) : undefined;
    if (problem === undefined) continue;
    throw new CoreError(
      "INVALID_POLICY",
      `Cannot issue for role ${quote(roleName)}: its policy has the variable {{${variable}}}, and the ${part} of the caller ${problem}.`,
      { details: { field: "policy_document", role: roleName, variable } },
    );
  }
}
