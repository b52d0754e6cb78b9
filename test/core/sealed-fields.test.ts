import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSealedFields, encodeSealedFields, type SealedFields } from "../../src/core/sealed-fields.ts";

const uuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";
const id = `aws/creds/deploy/${uuid}`;
const usual: SealedFields = {
  role: "deploy",
  caller: "root",
  secretType: "iam_user",
  issuedAtMs: 1_763_950_000_123,
  ttlMs: 3_600_000,
  maxExpiresAtMs: 1_764_036_400_123,
  handle: { u: `deploy-${uuid.replaceAll("-", "")} 1kpqzg2g I4SGLQPBX6CSENIQ` },
};

describe("the sealed fields of a lease", () => {
  test("come back as they were written, for any id and any handle", { timeout: 60_000 }, () => {
    const ms = fc.nat({ max: 4e12 });
    const word = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("", "root", uuid, id, "deploy", "$&", "\u0001", '","', '":["', `deploy-${uuid}`),
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

  test("take 53 bytes at most for a usual lease, so that its record fits where Redis keeps it", () => {
    expect(encodeSealedFields(id, usual).length).toBeLessThanOrEqual(53);
  });

  test("are of whole milliseconds", () => {
    const fields = { ...usual, issuedAtMs: usual.issuedAtMs + 0.7 };
    expect(decodeSealedFields(id, encodeSealedFields(id, fields))).toEqual(usual);
  });

  test("are refused where they are of another schema, or cut off", () => {
    const bytes = encodeSealedFields(id, usual);
    expect(() => decodeSealedFields(id, Buffer.from("[1]"))).toThrow("has schema 11, not 3.");
    expect(() => decodeSealedFields(id, bytes.subarray(0, 5))).toThrow("ends too early");
  });
});
