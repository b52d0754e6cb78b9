import { CoreError } from "../../core/errors.ts";
import { elementAt, textAt, type XmlElement } from "./query-xml.ts";

/**
 * What a call that AWS did not answer with success means to us:
 * `absent` (no such entity), `exists` (the name is taken), `conflict` (a user
 * still has belongings), `throttled` (not done, ask again later), `unknown`
 * (done or not, nobody can tell), `refused` (not done, and will not be), `unsent` (not even asked; see `NotSent`).
 */
export type AwsFailureKind =
  | "absent"
  | "exists"
  | "conflict"
  | "throttled"
  | "unknown"
  | "refused"
  | "unsent";

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
  /** AWS's code without the suffix `Exception`, or the name of what cut the call short. */
  readonly code: string;
  /** What AWS knows the call by; undefined where it gave no answer. */
  readonly requestId: string | undefined;
  /** After how long it is worth another try, in milliseconds; undefined where nobody knows. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: AwsFailureKind,
    code: string,
    options: {
      readonly message: string;
      readonly requestId?: string | undefined;
      readonly retryAfterMs?: number | undefined;
    },
  ) {
    super(options.message);
    this.name = "AwsFailure";
    this.kind = kind;
    this.code = code;
    this.requestId = options.requestId;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Says whether an error is a failed AWS call of one of the given kinds. */
export function isAwsFailure(error: unknown, ...kinds: readonly AwsFailureKind[]): error is AwsFailure {
  return error instanceof AwsFailure && (kinds.length === 0 || kinds.includes(error.kind));
}

/**
 * Classifies an answer that is no success. Codes come with and without the suffix `Exception`. Without a code
 * it is not AWS's own answer, but of something on the way: what AWS did, if it heard of the call, is unknown.
 */
export function failureOfAnswer(answer: {
  readonly status: number;
  /** Root of the answer; undefined where it is no XML. */
  readonly root: XmlElement | undefined;
  /** From the headers, where the answer itself names none. */
  readonly requestId: string | undefined;
}): AwsFailure {
  const { status, root } = answer;
  const error = root && (elementAt(root, "Error") ?? elementAt(root, "Errors", "Error"));
  const code =
    error &&
    textAt(error, "Code")
      ?.trim()
      .replace(/Exception$/, "");
  const requestId = (root && textAt(root, "RequestId")) || answer.requestId;
  if (!code) {
    return new AwsFailure(status === 429 ? "throttled" : "unknown", `HttpStatus${status}`, {
      message: `The answer, of status ${status}, is not one of AWS.`,
      requestId,
    });
  }
  const message = firstLine((error && textAt(error, "Message")) ?? "") || code;
  return new AwsFailure(kindOf(code, status), code, { message, requestId });
}

/**
 * Classifies what cut a call short, by the system's code. Even a connection that never came about counts as `unknown`:
 * what is done about that, asking again and looking first, is right for it too. The error is
 * not kept as a cause: it may hold what was received, and that may hold a secret.
 */
export function failureOfConnection(error: unknown): AwsFailure {
  if (error instanceof AwsFailure) return error;
  const { name, code, message } = error as Readonly<Record<"name" | "code" | "message", unknown>>;
  const known = typeof code === "string" ? code : String(name ?? "Error");
  return new AwsFailure("unknown", known, { message: firstLine(String(message ?? "")) || known });
}

/** `LimitExceeded` is a refusal: a quota, and no limit of the rate. */
function kindOf(code: string, status: number): AwsFailureKind {
  const known = Object.hasOwn(kindsByCode, code) ? kindsByCode[code] : undefined;
  if (known !== undefined) return known;
  if (status === 429) return "throttled";
  return status >= 400 && status < 500 ? "refused" : "unknown";
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
  if (failure.kind === "unsent") {
    const { retryAfterMs = 1000 } = failure;
    return new CoreError("BACKEND_UNAVAILABLE", `Cannot ${doing}: ${said}`, {
      details: { ...options.details, retry_after: `${Math.ceil(retryAfterMs / 1000)}s` },
      cause: failure,
    });
  }
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
