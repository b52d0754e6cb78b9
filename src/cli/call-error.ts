import { type Metadata, status } from "@grpc/grpc-js";
import { type ErrorDetail, ErrorReason, ErrorReasonSchema } from "../../gen/leasehold/v1/errors_pb.ts";
import { CallError } from "./errors.ts";
import type { Settings } from "./settings.ts";
import { decodeStatusDetails } from "./status-details.ts";
import { transportProblem } from "./transport-problem.ts";

/** A failed call as grpc-js reports it. */
export type Failure = { code: number; details: string; metadata: Metadata };

/** What was called, and how. */
type Attempt = { doing: string; rpc: string; timeoutMs: number; settings: Settings };

/**
 * Makes the error of a failed call. What kind of failure it is comes from the
 * status code and the ErrorDetail; a server always sends the detail, so a failure
 * without one was made on the way.
 */
export function callError(failure: Failure, { doing, rpc, timeoutMs, settings }: Attempt): CallError {
  const { message, detail } = statusDetails(failure);
  const facts = {
    doing,
    rpc,
    code: codeName(failure.code),
    reason: detail && reasonName(detail),
    metadata: detail?.metadata ?? {},
  };
  if (
    detail?.reason === ErrorReason.UNAUTHENTICATED ||
    (!detail && failure.code === status.UNAUTHENTICATED)
  ) {
    return new CallError(tokenProblem(settings), facts);
  }
  if (detail) return new CallError(message || facts.code, facts);
  return new CallError(
    transportProblem(failure, { rpc, timeoutMs, address: settings.address }) ?? (message || facts.code),
    facts,
  );
}

function statusDetails({ details, metadata }: Failure): { message: string; detail: ErrorDetail | undefined } {
  const bytes = metadata.get("grpc-status-details-bin")[0];
  if (bytes instanceof Uint8Array) {
    try {
      const decoded = decodeStatusDetails(bytes);
      return { message: decoded.message || details, detail: decoded.detail };
    } catch {
      // Not ours: the status itself still says what happened.
    }
  }
  return { message: details, detail: undefined };
}

function tokenProblem({ token }: Settings): string {
  const remedy = "Set LEASEHOLD_TOKEN, or give --token";
  return token === undefined
    ? `the server wants a token, and none is set. ${remedy}.`
    : `the server does not know this token. ${remedy} with one that is valid.`;
}

function codeName(code: number): string {
  return (status[code] ?? `CODE_${code}`).toLowerCase();
}

function reasonName({ reason }: ErrorDetail): string {
  return ErrorReasonSchema.value[reason]?.localName ?? `REASON_${reason}`;
}
