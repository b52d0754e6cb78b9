import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Any, AnySchema, anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ErrorDetailSchema } from "../../gen/leasehold/v1/errors_pb.ts";
import type { WireError } from "./errors.ts";

/** Name of the trailer that carries details, after the gRPC specification of richer errors. */
const detailsTrailer = "grpc-status-details-bin";

/** The details of an error: its `ErrorDetail`, and when to try again where that is known. */
function detailsOf(error: WireError): readonly Any[] {
  const detail = create(ErrorDetailSchema, { reason: error.reason, metadata: error.metadata });
  const details = [anyPack(ErrorDetailSchema, detail)];
  if (error.retryAfterMs === undefined) return details;
  const retryDelay = durationFromMs(error.retryAfterMs);
  return [...details, anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay }))];
}

/**
 * Encodes `google.rpc.Status`: field 1 is the code, 2 the
 * message, 3 the details (googleapis, `google/rpc/status.proto`). No package
 * at hand publishes its generated code.
 */
function encodeStatus(error: WireError): Uint8Array {
  const writer = new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(error.code)
    .tag(2, WireType.LengthDelimited)
    .string(error.message);
  for (const detail of detailsOf(error))
    writer.tag(3, WireType.LengthDelimited).bytes(toBinary(AnySchema, detail));
  return writer.finish();
}

/** The gRPC status of an error, with its details in the trailers. */
export function toGrpcStatus(error: WireError): StatusObject {
  const metadata = new Metadata();
  metadata.set(detailsTrailer, Buffer.from(encodeStatus(error)));
  return { code: Number(error.code), details: error.message, metadata };
}
