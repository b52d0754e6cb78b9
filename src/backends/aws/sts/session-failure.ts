import { CoreError } from "../../../core/errors.ts";
import { type AwsFailure, coreErrorOf } from "../aws-failure.ts";
import type { OpenRoot } from "../root-access.ts";

/** Says whether the root credentials are temporary themselves, which their id tells. */
export function isTemporary({ accessKey }: Pick<OpenRoot, "accessKey">): boolean {
  return accessKey.startsWith("ASIA");
}

/** The error for a session that AWS did not make, with what can be done about it. `doing` completes "Cannot …". */
export function sessionError(failure: AwsFailure, doing: string, root: OpenRoot): CoreError {
  const error = coreErrorOf(failure, doing);
  const hint = hintFor(failure, root);
  if (hint === undefined) return error;
  return new CoreError(error.code, `${error.message} ${hint}`, { details: error.details, cause: failure });
}

function hintFor({ code, message }: AwsFailure, root: OpenRoot): string | undefined {
  if (code === "PackedPolicyTooLarge") {
    return (
      "AWS packs the session policy, the managed policies and the tags of a session together, and they do not fit. Shorten " +
      '"policy_document", or name fewer of "policy_arns", "iam_groups" and "session_tags".'
    );
  }
  if (code === "ValidationError" && /DurationSeconds/i.test(message)) {
    const chained = isTemporary(root)
      ? " The root credentials are temporary themselves: where they are a role's, AWS allows 1 hour."
      : "";
    return `Ask for a shorter "ttl", or set "max_ttl" of the role to what AWS allows.${chained}`;
  }
  if (code === "AccessDenied" && /MultiFactor|MFA/i.test(message)) {
    return "A code of an MFA device works once and for some 30 seconds: send the next one.";
  }
  return undefined;
}
