/**
 * Why a request failed. The codes are stable and are the words a client
 * switches on; `rpc/errors.ts` gives each one a status code.
 */
export type ErrorCode =
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "NO_MOUNT"
  | "NO_SUCH_PATH"
  | "NO_SUCH_ROLE"
  | "NO_SUCH_LEASE"
  | "NO_SUCH_SECRET"
  | "UNSUPPORTED_OPERATION"
  | "PATH_TAKEN"
  | "INVALID_PATH"
  | "INVALID_FIELD"
  | "UNKNOWN_FIELD"
  | "INVALID_POLICY"
  | "NOT_CONFIGURED"
  | "BACKEND_REFUSED"
  | "BACKEND_UNAVAILABLE"
  | "REVOCATION_PENDING"
  | "LEASE_ENDED"
  | "MAX_TTL_REACHED"
  | "MOUNT_UNMOUNTING"
  | "STORAGE_UNAVAILABLE"
  | "LIMIT_EXCEEDED"
  | "INTERNAL"
  | "DATA_CORRUPTED"
  | "CANCELLED"
  | "DEADLINE_EXCEEDED"
  | "LEASE_ACTIVE"
  | "NEEDS_FORCE"
  | "IDEMPOTENCY_CONFLICT"
  | "SERVER_STOPPING"
  | "NO_SUCH_POLICY"
  | "NO_SUCH_TOKEN"
  | "NO_SUCH_AUDIT"
  | "AUDIT_UNAVAILABLE"
  | "LOGIN_FAILED"
  | "RATE_LIMITED";

/** Facts about a failure by name (`path`, `field`, `aws_code`); never secret material. */
export type ErrorDetails = Readonly<Record<string, string>>;

/**
 * A failure that a caller is told about: its message and details go over the
 * wire. Everything else that is thrown is a bug, and reaches the caller as
 * "internal error" only.
 */
export class CoreError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  /** How long to wait at least before another try, in milliseconds; undefined where waiting is not what helps. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      readonly details?: ErrorDetails;
      readonly cause?: unknown;
      readonly retryAfterMs?: number;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CoreError";
    this.code = code;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Says whether a failure is a `CoreError` with one of the given codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is CoreError {
  return error instanceof CoreError && codes.includes(error.code);
}

/** A value in quotes as error messages show it, with control characters escaped and cut at 120 characters. */
export function quote(value: string): string {
  const shown = value.length > 120 ? `${value.slice(0, 117)}...` : value;
  return JSON.stringify(shown);
}
