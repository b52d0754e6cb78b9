import { ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../../gen/leasehold/v1/errors_pb.ts";
import type { WireError } from "./errors.ts";

/** The Connect error of an error, with its `ErrorDetail` as the only detail. */
export function toConnectError(error: WireError): ConnectError {
  return new ConnectError(error.message, error.code, undefined, [
    { desc: ErrorDetailSchema, value: { reason: error.reason, metadata: error.metadata } },
  ]);
}
