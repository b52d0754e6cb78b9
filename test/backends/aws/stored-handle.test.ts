import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { packHandle, unpackHandle } from "../../../src/backends/aws/stored-handle.ts";
import type { UserHandle } from "../../../src/backends/aws/user-handle.ts";
import { encodeSealedFields } from "../../../src/core/sealed-fields.ts";

const uuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";
const usual: UserHandle = {
  user: `leasehold-deploy-${uuid.replaceAll("-", "")}`,
  account: "123456789012",
  document: 1,
  key: "AKIAI4SGLQPBX6CSENIQ",
};
const arns = [
  "arn:aws:iam::aws:policy/ReadOnlyAccess",
  "arn:aws:iam::123456789012:policy/team/x",
  "arn:aws-cn:x",
];

/** How many bytes of a lease are sealed where nothing else about it is unusual. */
const sealedBytes = (handle: UserHandle): number =>
  encodeSealedFields(`aws/creds/deploy/${uuid}`, {
    ...{ role: "deploy", caller: "root", secretType: "iam_user" },
    ...{ issuedAtMs: 1_763_950_000_123, ttlMs: 3_555_321, maxExpiresAtMs: 1_764_036_400_123 },
    handle: packHandle(handle),
  }).length;

describe("a packed handle", () => {
  test("comes back as it was, whatever it has", () => {
    const word = fc.stringMatching(/^[\w+=,.@-]{1,64}$/);
    const one = fc.constant(1 as const);
    const handles = fc.record(
      {
        user: fc.oneof(word, fc.constantFrom("leasehold-", "leasehold-a", "n")),
        path: fc.constantFrom("/", "/team/"),
        account: fc.oneof(fc.stringMatching(/^\d{12}$/), fc.stringMatching(/^\d{1,14}$/), word),
        root: fc.constant("AKIAI4SGLQPBX6CSENIQ"),
        document: one,
        arns: fc.array(fc.constantFrom(...arns)),
        groups: fc.array(word),
        unlisted: one,
        key: fc.oneof(fc.stringMatching(/^AKIA[A-Z2-7]{16}$/), fc.stringMatching(/^\w{1,128}$/)),
        old: fc.constant("AKIAI4SGLQPBX6CSENIQ"),
        sent: one,
        unguarded: one,
        guardedToMs: fc.integer({ min: 0, max: 4e12 }),
        guardGraceMs: fc.nat(),
      },
      { requiredKeys: ["user"], noNullPrototype: true },
    );
    fc.assert(
      fc.property(handles, (handle) => {
        expect(unpackHandle(JSON.parse(JSON.stringify(packHandle(handle))))).toEqual(handle);
      }),
    );
  });

  test("of a usual user leaves a lease with 53 sealed bytes at most, and 38 before it has a key", () => {
    const { key: _, ...planned } = usual;
    expect(sealedBytes(usual)).toBeLessThanOrEqual(53);
    expect(sealedBytes(planned)).toBeLessThanOrEqual(38);
    expect(sealedBytes({ ...usual, sent: 1 })).toBeLessThanOrEqual(57);
    expect(sealedBytes({ ...usual, guardedToMs: 1_763_953_600_123 })).toBeLessThanOrEqual(62);
  });

  test("may be one that was never packed", () => {
    expect(unpackHandle(usual)).toEqual(usual);
  });

  test("has ARNs without what begins them all", () => {
    expect(packHandle({ ...usual, arns }).arns).toEqual([
      "/ReadOnlyAccess",
      ":123456789012:policy/team/x",
      "arn:aws-cn:x",
    ]);
  });
});
