import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, type WireType } from "@bufbuild/protobuf/wire";
import { type ErrorDetail, ErrorDetailSchema } from "../../gen/leasehold/v1/errors_pb.ts";

/** What the trailer of a failed call tells. */
export type StatusDetails = {
  /** The message as the server wrote it, free of any header encoding. */
  message: string;
  /** The server's error detail; undefined where it sent none. */
  detail: ErrorDetail | undefined;
};

/** Calls `read` for each field of an encoded message that it knows, and skips the others. */
function readFields(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType]: [number, WireType] = reader.tag();
    if (!read(field, reader)) reader.skip(wireType, field);
  }
}

/**
 * Decodes the value of `grpc-status-details-bin`, a `google.rpc.Status`: code
 * (1), message (2), and details (3), each an `Any` of type URL (1) and value (2).
 * No package of the project exports that message, and three fields need none.
 * Throws where the bytes are no such message.
 */
export function decodeStatusDetails(bytes: Uint8Array): StatusDetails {
  const status: StatusDetails = { message: "", detail: undefined };
  readFields(bytes, (field, reader) => {
    if (field === 2) status.message = reader.string();
    else if (field === 3) status.detail ??= decodeErrorDetail(reader.bytes());
    else return false;
    return true;
  });
  return status;
}

function decodeErrorDetail(any: Uint8Array): ErrorDetail | undefined {
  let typeUrl = "";
  let value: Uint8Array = new Uint8Array();
  readFields(any, (field, reader) => {
    if (field === 1) typeUrl = reader.string();
    else if (field === 2) value = reader.bytes();
    else return false;
    return true;
  });
  const isErrorDetail = typeUrl.slice(typeUrl.lastIndexOf("/") + 1) === ErrorDetailSchema.typeName;
  return isErrorDetail ? fromBinary(ErrorDetailSchema, value) : undefined;
}
