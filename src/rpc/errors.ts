import { Code } from "@connectrpc/connect";
import { ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";
import { CoreError, type ErrorCode } from "../core/errors.ts";

/** Status code and reason of each error code. A code without a row does not compile. */
export const errorTable: Readonly<Record<ErrorCode, { readonly code: Code; readonly reason: ErrorReason }>> =
  {
    UNAUTHENTICATED: { code: Code.Unauthenticated, reason: ErrorReason.UNAUTHENTICATED },
    PERMISSION_DENIED: { code: Code.PermissionDenied, reason: ErrorReason.PERMISSION_DENIED },
    NO_MOUNT: { code: Code.NotFound, reason: ErrorReason.NO_MOUNT },
    NO_SUCH_PATH: { code: Code.NotFound, reason: ErrorReason.NO_SUCH_PATH },
    NO_SUCH_ROLE: { code: Code.NotFound, reason: ErrorReason.NO_SUCH_ROLE },
    NO_SUCH_LEASE: { code: Code.NotFound, reason: ErrorReason.NO_SUCH_LEASE },
    NO_SUCH_SECRET: { code: Code.NotFound, reason: ErrorReason.NO_SUCH_SECRET },
    UNSUPPORTED_OPERATION: { code: Code.Unimplemented, reason: ErrorReason.UNSUPPORTED_OPERATION },
    PATH_TAKEN: { code: Code.AlreadyExists, reason: ErrorReason.PATH_TAKEN },
    INVALID_PATH: { code: Code.InvalidArgument, reason: ErrorReason.INVALID_PATH },
    INVALID_FIELD: { code: Code.InvalidArgument, reason: ErrorReason.INVALID_FIELD },
    UNKNOWN_FIELD: { code: Code.InvalidArgument, reason: ErrorReason.UNKNOWN_FIELD },
    INVALID_POLICY: { code: Code.InvalidArgument, reason: ErrorReason.INVALID_POLICY },
    NOT_CONFIGURED: { code: Code.FailedPrecondition, reason: ErrorReason.NOT_CONFIGURED },
    BACKEND_REFUSED: { code: Code.FailedPrecondition, reason: ErrorReason.BACKEND_REFUSED },
    BACKEND_UNAVAILABLE: { code: Code.Unavailable, reason: ErrorReason.BACKEND_UNAVAILABLE },
    REVOCATION_PENDING: { code: Code.Unavailable, reason: ErrorReason.REVOCATION_PENDING },
    LEASE_ENDED: { code: Code.FailedPrecondition, reason: ErrorReason.LEASE_ENDED },
    MAX_TTL_REACHED: { code: Code.FailedPrecondition, reason: ErrorReason.MAX_TTL_REACHED },
    MOUNT_UNMOUNTING: { code: Code.FailedPrecondition, reason: ErrorReason.MOUNT_UNMOUNTING },
    STORAGE_UNAVAILABLE: { code: Code.Unavailable, reason: ErrorReason.STORAGE_UNAVAILABLE },
    LIMIT_EXCEEDED: { code: Code.ResourceExhausted, reason: ErrorReason.LIMIT_EXCEEDED },
    DATA_CORRUPTED: { code: Code.DataLoss, reason: ErrorReason.DATA_CORRUPTED },
    INTERNAL: { code: Code.Internal, reason: ErrorReason.INTERNAL },
    CANCELLED: { code: Code.Canceled, reason: ErrorReason.CANCELLED },
    DEADLINE_EXCEEDED: { code: Code.DeadlineExceeded, reason: ErrorReason.DEADLINE_EXCEEDED },
    LEASE_ACTIVE: { code: Code.FailedPrecondition, reason: ErrorReason.LEASE_ACTIVE },
    NEEDS_FORCE: { code: Code.FailedPrecondition, reason: ErrorReason.NEEDS_FORCE },
    IDEMPOTENCY_CONFLICT: { code: Code.Aborted, reason: ErrorReason.IDEMPOTENCY_CONFLICT },
    SERVER_STOPPING: { code: Code.Unavailable, reason: ErrorReason.SERVER_STOPPING },
    NO_SUCH_POLICY: { code: Code.NotFound, reason: ErrorReason.NO_SUCH_POLICY },
    NO_SUCH_TOKEN: { code: Code.NotFound, reason: ErrorReason.NO_SUCH_TOKEN },
    NO_SUCH_AUDIT: { code: Code.NotFound, reason: ErrorReason.NO_SUCH_AUDIT },
    AUDIT_UNAVAILABLE: { code: Code.Unavailable, reason: ErrorReason.AUDIT_UNAVAILABLE },
    LOGIN_FAILED: { code: Code.Unauthenticated, reason: ErrorReason.LOGIN_FAILED },
    RATE_LIMITED: { code: Code.ResourceExhausted, reason: ErrorReason.RATE_LIMITED },
  };

/** An error as a caller gets it, by either stack. `code` has the number of the gRPC status. */
export interface WireError {
  readonly errorCode: ErrorCode;
  readonly code: Code;
  readonly reason: ErrorReason;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** How long to wait at least before another try, in milliseconds; undefined where waiting is not what helps. */
  readonly retryAfterMs: number | undefined;
}

// Message and metadata travel in trailers, twice, percent-encoded or in
// base64; clients refuse header lists beyond 8 to 16 kB.
const messageCharactersMax = 1024;
const valueCharactersMax = 256;
const metadataEntriesMax = 10;

// A lone surrogate, as JSON can carry one, would make `encodeURI` throw inside the stacks.
function clip(text: string, charactersMax: number): string {
  const shown = text.length > charactersMax ? `${text.slice(0, charactersMax - 3)}...` : text;
  return shown.toWellFormed();
}

/** The error that a caller gets for anything thrown: what is not a `CoreError` shows only the request's id. */
export function toWireError(thrown: unknown, requestId: string): WireError {
  const error =
    thrown instanceof CoreError
      ? thrown
      : new CoreError("INTERNAL", `internal error (request ${requestId})`, {
          details: { request_id: requestId },
        });
  const metadata = Object.entries(error.details)
    .slice(0, metadataEntriesMax)
    .map(([name, value]) => [clip(name, valueCharactersMax), clip(String(value), valueCharactersMax)]);
  return {
    errorCode: error.code,
    ...errorTable[error.code],
    message: clip(error.message, messageCharactersMax),
    metadata: Object.fromEntries(metadata),
    retryAfterMs: error.retryAfterMs,
  };
}
