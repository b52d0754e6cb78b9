import { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { describe, expect, test } from "vitest";
import { ErrorDetailSchema, ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";
import { LeaseSchema } from "../../gen/leasehold/v1/leases_pb.ts";
import { decodeStatusDetails } from "../../src/cli/status-details.ts";

function encode(message: string, details: ConnectError["details"]): Buffer {
  const error = new ConnectError(message, 5, undefined, details as never);
  return Buffer.from(setTrailerStatus(new Headers(), error).get("grpc-status-details-bin") ?? "", "base64");
}

describe("decodeStatusDetails()", () => {
  test("finds the message and the ErrorDetail among other details", () => {
    const bytes = encode("no role “x” 100%", [
      { desc: LeaseSchema, value: { id: "a" } },
      { desc: ErrorDetailSchema, value: { reason: ErrorReason.NO_SUCH_ROLE, metadata: { role: "x" } } },
    ]);
    expect(decodeStatusDetails(bytes)).toMatchObject({
      message: "no role “x” 100%",
      detail: { reason: ErrorReason.NO_SUCH_ROLE, metadata: { role: "x" } },
    });
  });

  test("finds no detail where there is none of ours", () => {
    expect(decodeStatusDetails(encode("m", [{ desc: LeaseSchema, value: {} }]))).toEqual({
      message: "m",
      detail: undefined,
    });
    expect(decodeStatusDetails(new Uint8Array())).toEqual({ message: "", detail: undefined });
  });

  test("throws where the bytes are no status", () => {
    expect(() => decodeStatusDetails(Uint8Array.of(0x12, 0xff, 0xff))).toThrow();
  });
});
