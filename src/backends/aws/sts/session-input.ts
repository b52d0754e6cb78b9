import type { Role } from "../role.ts";
import type { OpenRoot } from "../root-access.ts";
import type { TemplateSource } from "../templates/template-values.ts";
import type { PolicySource } from "./session-policy.ts";

/** What the paths give a secret type to make a session from. What does not apply to the type is undefined. */
export interface SessionInput {
  readonly role: Role;
  /** The root credentials that plan the session also make it. */
  readonly root: OpenRoot;
  /** What the templates of the role can name. */
  readonly template: TemplateSource;
  /** Inline policies of the role's groups. */
  readonly groupPolicies: readonly PolicySource[];
  /** ARNs of the managed policies of the role and its groups. */
  readonly policyArns: readonly string[];
  /** The AWS role to assume. */
  readonly roleArn: string | undefined;
  /** Name that the caller wants for the session. */
  readonly sessionName: string | undefined;
  /** Code of the MFA device that the role names. */
  readonly mfaCode: string | undefined;
}
