import { create, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { ErrorDetailSchema } from "../../gen/leasehold/v1/errors_pb.ts";
import type { WireError } from "./errors.ts";

/** Name of the trailer that carries details, after the gRPC specification of richer errors. */
const detailsTrailer = "grpc-status-details-bin";

/**
 * Encodes `google.rpc.Status` with one detail: field 1 is the code, 2 the
 * message, 3 the details (googleapis, `google/rpc/status.proto`). No package
 * at hand publishes its generated code.
 */
function encodeStatus(error: WireError): Uint8Array {
  const detail = create(ErrorDetailSchema, { reason: error.reason, metadata: error.metadata });
  return new BinaryWriter()
    .tag(1, WireType.Varint)
    .int32(error.code)
    .tag(2, WireType.LengthDelimited)
    .string(error.message)
    .tag(3, WireType.LengthDelimited)
    .bytes(toBinary(AnySchema, anyPack(ErrorDetailSchema, detail)))
    .finish();
}

/** The gRPC status of an error, with its `ErrorDetail` in the trailers. */
export function toGrpcStatus(error: WireError): StatusObject {
  const metadata = new Metadata();
  metadata.set(detailsTrailer, Buffer.from(encodeStatus(error)));
  return { code: Number(error.code), details: error.message, metadata };
}
