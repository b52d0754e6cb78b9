import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSealedFields, encodeSealedFields, type SealedFields } from "../../src/core/sealed-fields.ts";

const uuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";
const id = `aws/creds/deploy/${uuid}`;
const ofIamUser: SealedFields = {
  role: "deploy",
  caller: "root",
  secretType: "iam_user",
  issuedAtMs: 1_763_950_000_123,
  ttlMs: 3_600_000,
  maxExpiresAtMs: 1_764_036_400_123,
  handle: {
    user: `leasehold-deploy-${uuid.replaceAll("-", "")}`,
    account: "123456789012",
    document: 1,
    key: "AKIAI4SGLQPBX6CSENIQ",
  },
};

describe("the sealed fields of a lease", () => {
  test("come back as they were written, for any id and any handle", { timeout: 60_000 }, () => {
    const ms = fc.nat({ max: 4e12 });
    const word = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("", "root", uuid, id, "deploy", "$&", "\u0001", '","account":"', "leasehold-"),
    );
    const fields = fc.record(
      {
        ...{ role: word, caller: word, secretType: word },
        ...{ issuedAtMs: ms, ttlMs: ms, maxExpiresAtMs: ms },
        reissuedAtMs: ms,
        handle: fc.dictionary(word, fc.oneof(word, fc.array(word), fc.integer(), fc.boolean()), {
          noNullPrototype: true,
        }),
      },
      { requiredKeys: ["role", "caller", "secretType", "issuedAtMs", "ttlMs", "maxExpiresAtMs", "handle"] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.constant(id), word), fields, (anyId, any) => {
        // A lease is made anew only after it was issued.
        const { reissuedAtMs, ...rest } = any;
        const made: SealedFields =
          reissuedAtMs === undefined ? rest : { ...rest, reissuedAtMs: any.issuedAtMs + reissuedAtMs };
        const expected = JSON.parse(JSON.stringify(made));
        expect(decodeSealedFields(anyId, encodeSealedFields(anyId, made))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("take 64 bytes at most for a usual IAM user", () => {
    expect(encodeSealedFields(id, ofIamUser).length).toBeLessThanOrEqual(64);
  });

  test("are of whole milliseconds", () => {
    const fields = { ...ofIamUser, issuedAtMs: ofIamUser.issuedAtMs + 0.7 };
    expect(decodeSealedFields(id, encodeSealedFields(id, fields))).toEqual(ofIamUser);
  });

  test("are refused where they are of another schema, or cut off", () => {
    const bytes = encodeSealedFields(id, ofIamUser);
    expect(() => decodeSealedFields(id, Buffer.from("[1]"))).toThrow("has schema 91, not 2.");
    expect(() => decodeSealedFields(id, bytes.subarray(0, 5))).toThrow("ends too early");
  });
});
