import { invalidField } from "../../core/field.ts";
import {
  renderTemplate,
  type TemplateValues,
  type TemplateVariable,
  templateProblem,
} from "./templates/template.ts";

/** How users are named where the mount says nothing. */
export const defaultUserNameTemplate = "leasehold-{{role}}-{{lease.uuid}}";

/** The variables of a user name; those of the lease can only stand at the end, and mean its digits, which come there anyway. */
const variables: readonly TemplateVariable[] = [
  "caller.name",
  "caller.id",
  "role",
  "mount",
  "lease.id",
  "lease.uuid",
];

const leaseDigits = 32;
/** IAM's limit for user names (64), less the digits of the lease and a dash. */
const startLengthMax = 64 - leaseDigits - 1;
const ending = /-?\{\{\s*lease\.(?:uuid|id)\s*\}\}$/;

/** Checks a template for user names. Throws `INVALID_FIELD`. */
export function checkUserNameTemplate(template: string, field = "username_template"): void {
  const problem = templateProblem(template, variables);
  if (problem !== undefined) throw invalidField(field, problem);
  const start = template.replace(ending, "");
  const names = { isLease: false };
  const literal = renderTemplate(start, (variable) => {
    names.isLease ||= variable === "lease.uuid" || variable === "lease.id";
    return "";
  });
  if (names.isLease) {
    throw invalidField(
      field,
      "can have {{lease.uuid}} or {{lease.id}} at its end only: every name ends in the digits of the lease, also without it.",
    );
  }
  if (/[^\w+=,.@-]/.test(literal)) {
    throw invalidField(
      field,
      "has characters that user names cannot have: besides variables, letters, digits and _+=,.@- are allowed.",
    );
  }
}

/**
 * Names the user of a lease by a template that was checked: what the template says, a dash, and the 32 digits of the lease's
 * UUID. It is the same for the same lease, and never the same for two. Characters that user names cannot have become
 * `_`, and what comes before the digits is cut to what IAM allows. Throws for anything but a UUID.
 */
export function renderUserName(values: TemplateValues, template: string = defaultUserNameTemplate): string {
  const digits = values["lease.uuid"].replaceAll("-", "").toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(digits)) {
    throw new Error(`${JSON.stringify(values["lease.uuid"])} is not a UUID.`);
  }
  const start = renderTemplate(template.replace(ending, ""), (variable) => values[variable])
    .replace(/[^\w+=,.@-]/g, "_")
    .slice(0, startLengthMax);
  return start === "" ? digits : `${start}-${digits}`;
}

/** Names the user of a lease as it is named where the mount says nothing: `leasehold-<role>-<uuid without dashes>`. */
export function userNameOf(role: string, leaseUuid: string): string {
  return renderUserName({
    role,
    "lease.uuid": leaseUuid,
    ...{ "caller.name": "", "caller.id": "", mount: "", "lease.id": "" },
  });
}

/** The UUID of the lease that a user was named for. */
export function leaseUuidOf(userName: string): string {
  const digits = userName.slice(-leaseDigits);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}
