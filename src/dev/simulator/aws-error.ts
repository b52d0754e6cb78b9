const statusByCode = {
  AccessDenied: 403,
  DeleteConflict: 409,
  EntityAlreadyExists: 409,
  ExpiredToken: 403,
  IncompleteSignature: 400,
  InvalidAction: 400,
  InvalidAuthenticationCode: 403,
  InvalidClientTokenId: 403,
  InvalidInput: 400,
  InvalidParameterValue: 400,
  LimitExceeded: 409,
  MalformedCertificate: 400,
  MalformedPolicyDocument: 400,
  MissingAction: 400,
  MissingAuthenticationToken: 403,
  NoSuchEntity: 404,
  NotSupportedService: 404,
  PackedPolicyTooLarge: 400,
  RequestEntityTooLarge: 413,
  ServiceFailure: 500,
  SignatureDoesNotMatch: 403,
  Throttling: 400,
  ValidationError: 400,
} as const;

/** A code that AWS answers with, in the spelling of the IAM and STS API references. */
export type AwsErrorCode = keyof typeof statusByCode;

/** A refusal as AWS words it: a code a client switches on, an HTTP status and a sentence. */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.name = "AwsError";
    this.code = code;
    this.status = status;
  }
}

/** Builds the error of a known code, with the HTTP status the API reference gives for it. */
export function awsError(code: AwsErrorCode, message: string): AwsError {
  return new AwsError(code, statusByCode[code], message);
}

/** The HTTP status that belongs to a code; 400 for a code this simulator never raises by itself. */
export function statusOf(code: string): number {
  return Object.hasOwn(statusByCode, code) ? statusByCode[code as AwsErrorCode] : 400;
}

/** Builds the `NoSuchEntity` of a named thing: "The user with name bob cannot be found." */
export function notFound(kind: string, name: string): AwsError {
  return awsError("NoSuchEntity", `The ${kind} with name ${name} cannot be found.`);
}

/** Builds the `ValidationError` of one field, whose name AWS writes with a small first letter. */
export function constraintError(field: string, value: string | null, constraint: string): AwsError {
  const shown = value === null ? "null" : `'${value}'`;
  const name = field.charAt(0).toLowerCase() + field.slice(1);
  return awsError(
    "ValidationError",
    `1 validation error detected: Value ${shown} at '${name}' failed to satisfy constraint: ${constraint}`,
  );
}
