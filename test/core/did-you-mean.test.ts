import { expect, test } from "vitest";
import { didYouMean } from "../../src/core/did-you-mean.ts";

const known = ["policy_document", "policy_arns", "region", "ttl", "kv"];

test.each([
  ["policy_documnet", "policy_document"],
  ["policydocument", "policy_document"],
  ["Region", "region"],
  ["regoin", "region"],
  ["tll", "ttl"],
  ["policy_arn", "policy_arns"],
  ["kw", "kv"],
])("didYouMean() takes %j for %j", (word, meant) => {
  expect(didYouMean(word, known)).toBe(meant);
});

test.each(["", "zone", "xyz", "p", "region".repeat(20)])("didYouMean() has no guess for %j", (word) => {
  expect(didYouMean(word, known)).toBeUndefined();
});

test("didYouMean() has no guess where nothing is known", () => {
  expect(didYouMean("ttl", [])).toBeUndefined();
});
