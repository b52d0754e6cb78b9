import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ErrorDetailSchema } from "../../gen/leasehold/v1/errors_pb.ts";
import type { WireError } from "./errors.ts";

/** The Connect error of an error: with its `ErrorDetail`, and when to try again where that is known. */
export function toConnectError(error: WireError): ConnectError {
  return new ConnectError(error.message, error.code, undefined, [
    { desc: ErrorDetailSchema, value: { reason: error.reason, metadata: error.metadata } },
    ...(error.retryAfterMs === undefined
      ? []
      : [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(error.retryAfterMs) } }]),
  ]);
}
