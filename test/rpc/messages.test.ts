import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { durationToMs, leaseStateFromWire, leaseToMessage } from "../../src/rpc/messages.ts";
import { structToJson } from "../../src/rpc/struct.ts";
import { lease } from "./fake-handle.ts";

const duration = (seconds: bigint, nanos = 0) => create(DurationSchema, { seconds, nanos });

describe("durationToMs()", () => {
  test.each([
    [0n, 0, 0],
    [1n, 500_000_000, 1500],
    [0n, 1, 1],
    [-1n, 0, -1000],
    [315_576_000_000n, 0, 315_576_000_000_000],
  ])("makes %s s and %s ns %s ms", (seconds, nanos, ms) => {
    expect(durationToMs(duration(seconds, nanos), "ttl")).toBe(ms);
  });

  test.each([
    [315_576_000_001n, 0],
    [-(2n ** 63n), 0],
    [1n, 1_000_000_000],
    [1n, -2_000_000_000],
  ])("refuses %s s and %s ns, which no duration may be", (seconds, nanos) => {
    expect(() => durationToMs(duration(seconds, nanos), "ttl")).toThrow(
      'Field "ttl" is not a duration of at most 10,000 years.',
    );
  });
});

describe("leaseStateFromWire()", () => {
  test("knows every state, and refuses what is none", () => {
    expect(leaseStateFromWire(LeaseState.REVOKING, "states")).toBe("revoking");
    expect(() => leaseStateFromWire(0, "states")).toThrow('Field "states" holds 0');
    expect(() => leaseStateFromWire(99, "states")).toThrow('Field "states" holds 99');
  });
});

describe("leaseToMessage()", () => {
  test("keeps the handle, the caller and the accessor to itself", () => {
    const fields = Object.keys(leaseToMessage(lease));
    for (const name of ["handle", "caller", "accessor", "secretType"]) expect(fields).not.toContain(name);
  });
});

describe("structToJson()", () => {
  test("passes JSON of all kinds on as it is", () => {
    const json = { s: "ä𝒳", n: -0.5, b: true, z: null, l: [1, ["x"], {}], o: { p: { q: "r" } } };
    expect(structToJson(json, "data")).toBe(json);
  });

  test.each([
    [{ a: [Number.NaN] }, 'Field "data.a" holds a number that is not finite, which JSON cannot write.'],
    [{ a: { b: "\ud800" } }, 'Field "data.a.b" holds half of a surrogate pair, which no encoding can store.'],
    [JSON.parse('{"__proto__":1}'), 'Field "data" has a key "__proto__", which is not allowed.'],
  ])("refuses %j", (json, message) => {
    expect(() => structToJson(json, "data")).toThrow(message);
  });
});
