import { expect, test } from "vitest";
import { auditFacts } from "../../../src/core/audit/audit-facts.ts";

const written = (value: object) => auditFacts(value, { hash: (text) => `hash of ${text}`, valuesMax: 1000 });

test("names that belong to an operation are in snake case, and those that a caller chose stand as they are, cut", () => {
  const long = "x".repeat(5000);
  expect(written({ mountType: "kv", options: { path: "/a", fooBar: "1", [long]: "2" } })).toEqual({
    mount_type: "kv",
    options: { path: "/a", fooBar: "hash of 1", [`${"x".repeat(1200)}...`]: "hash of 2" },
  });
});
