import { CoreError } from "../../core/errors.ts";

/**
 * What a call that AWS did not answer with success means to us:
 * `absent` (no such entity), `exists` (the name is taken), `conflict` (a user
 * still has belongings), `throttled` (not done, ask again later), `unknown`
 * (done or not, nobody can tell), `refused` (not done, and will not be).
 */
export type AwsFailureKind = "absent" | "exists" | "conflict" | "throttled" | "unknown" | "refused";

const kindsByCode: Readonly<Record<string, AwsFailureKind>> = {
  NoSuchEntity: "absent",
  EntityAlreadyExists: "exists",
  DeleteConflict: "conflict",
  Throttling: "throttled",
  Throttled: "throttled",
  RequestThrottled: "throttled",
  RequestLimitExceeded: "throttled",
  TooManyRequests: "throttled",
  SlowDown: "throttled",
  PriorRequestNotComplete: "throttled",
  ConcurrentModification: "throttled",
  EntityTemporarilyUnmodifiable: "throttled",
  ServiceFailure: "unknown",
  ServiceUnavailable: "unknown",
  InternalFailure: "unknown",
  RequestTimeout: "unknown",
};

const messageLengthMax = 400;

/** A call to AWS that failed. Its message is AWS's own, cut to one line. */
export class AwsFailure extends Error {
  readonly kind: AwsFailureKind;
  /** AWS's code without the suffix `Exception`, or the name of the network error. */
  readonly code: string;
  /** What AWS knows the call by; undefined where it gave no answer. */
  readonly requestId: string | undefined;

  constructor(
    kind: AwsFailureKind,
    code: string,
    options: { readonly message: string; readonly requestId?: string | undefined },
  ) {
    super(options.message);
    this.name = "AwsFailure";
    this.kind = kind;
    this.code = code;
    this.requestId = options.requestId;
  }
}

/** Says whether an error is a failed AWS call of one of the given kinds. */
export function isAwsFailure(error: unknown, ...kinds: readonly AwsFailureKind[]): error is AwsFailure {
  return error instanceof AwsFailure && (kinds.length === 0 || kinds.includes(error.kind));
}

/**
 * Classifies what the SDK threw. Error names come with and without the suffix
 * `Exception`. Without a status there was no answer: reset, time-out, abort.
 * `LimitExceeded` is a refusal, though the SDK takes it for a throttle. The
 * SDK's own error is not kept as a cause: it holds the response, and that may hold a secret.
 */
export function classifyAwsError(error: unknown): AwsFailure {
  if (error instanceof AwsFailure) return error;
  const {
    name,
    code: systemCode,
    message,
    $metadata,
  } = error as {
    readonly name?: string;
    readonly code?: unknown;
    readonly message?: string;
    readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  };
  const status = $metadata?.httpStatusCode;
  const awsCode = (name ?? "Error").replace(/Exception$/, "");
  const code = status === undefined && typeof systemCode === "string" ? systemCode : awsCode;
  return new AwsFailure(kindOf(code, status), code, {
    message: firstLine(message ?? "") || code,
    requestId: $metadata?.requestId,
  });
}

function kindOf(code: string, status: number | undefined): AwsFailureKind {
  const known = kindsByCode[code];
  if (known !== undefined) return known;
  if (status === 429) return "throttled";
  return status !== undefined && status >= 400 && status < 500 ? "refused" : "unknown";
}

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? "").trim().slice(0, messageLengthMax);
}

/**
 * The error that a caller is told for a failed AWS call. `doing` completes
 * "Cannot …". AWS's own words are part of it: they say what whoever configures the mount has to change.
 */
export function coreErrorOf(failure: AwsFailure, doing: string): CoreError {
  const requestId = failure.requestId === undefined ? {} : { aws_request_id: failure.requestId };
  const options = { details: { aws_code: failure.code, ...requestId }, cause: failure };
  const said = /[.!?]$/.test(failure.message) ? failure.message : `${failure.message}.`;
  if (failure.kind === "throttled") {
    return new CoreError(
      "BACKEND_UNAVAILABLE",
      `Cannot ${doing}: AWS limits the rate of calls right now (${failure.code}: ${said}) Try again later.`,
      options,
    );
  }
  if (failure.kind === "unknown") {
    return new CoreError(
      "BACKEND_UNAVAILABLE",
      `Cannot ${doing}: AWS gave no usable answer (${failure.code}: ${said}) Try again, and check the endpoint.`,
      options,
    );
  }
  return new CoreError(
    "BACKEND_REFUSED",
    `Cannot ${doing}: AWS refused it with ${failure.code}: ${said}`,
    options,
  );
}
