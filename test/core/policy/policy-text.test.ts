import { describe, expect, test } from "vitest";
import { parsePolicy } from "../../../src/core/policy/policy.ts";
import { aclOf } from "./acl-of.ts";

describe("rules about parameters", () => {
  const rule = (about: object, capabilities = ["update", "create"]) => ({
    "kv/a": { capabilities, ...about },
  });
  const may = (acl: ReturnType<typeof aclOf>, parameters: object) =>
    acl.decide({ path: "kv/a", capability: "update", parameters: parameters as never }).isAllowed;

  test.each<[string, object, object, boolean]>([
    ["no rule allows all", {}, { x: 1 }, true],
    ["allowed ones are allowed", { allowed_parameters: { x: [] } }, { x: 1 }, true],
    ["others are not", { allowed_parameters: { x: [] } }, { y: 1 }, false],
    ["nothing given is allowed", { allowed_parameters: { x: [] } }, {}, true],
    ["a star allows others", { allowed_parameters: { x: ["1"], "*": [] } }, { y: 1 }, true],
    ["a star does not widen a named one", { allowed_parameters: { x: ["1"], "*": [] } }, { x: "2" }, false],
    ["values are compared", { allowed_parameters: { x: ["a", "b"] } }, { x: "b" }, true],
    ["other values are not allowed", { allowed_parameters: { x: ["a"] } }, { x: "b" }, false],
    ["numbers are compared as such", { allowed_parameters: { x: [5] } }, { x: 5 }, true],
    ["a value can begin with anything", { allowed_parameters: { x: ["*-eu"] } }, { x: "team-eu" }, true],
    ["a value can end with anything", { allowed_parameters: { x: ["team-*"] } }, { x: "team-eu" }, true],
    ["numbers are compared by their text", { allowed_parameters: { x: ["5"] } }, { x: 5 }, true],
    ["a star alone is any value", { allowed_parameters: { x: ["*"] } }, { x: { y: [1] } }, true],
    ["a part of a text is between two stars", { allowed_parameters: { x: ["*am*"] } }, { x: "team" }, true],
    ["a star in the middle is a star", { allowed_parameters: { x: ["a*c"] } }, { x: "abc" }, false],
    ["all items of a list are allowed", { allowed_parameters: { x: ["a", "b"] } }, { x: ["b", "a"] }, true],
    ["one item of a list is not", { allowed_parameters: { x: ["a"] } }, { x: ["a", "c"] }, false],
    ["all items with commas are allowed", { allowed_parameters: { x: ["a", "b"] } }, { x: "b, a" }, true],
    ["one item with commas is not", { allowed_parameters: { x: ["a"] } }, { x: "a,c" }, false],
    ["a star reaches over no comma", { allowed_parameters: { x: ["a*"] } }, { x: "a1,admin,c" }, false],
    ["a star reaches over each item", { allowed_parameters: { x: ["a*"] } }, { x: "a1,admin" }, true],
    ["a whole text with a comma is allowed", { allowed_parameters: { x: ["a,c"] } }, { x: "a,c" }, true],
    ["no item is not one that is allowed", { allowed_parameters: { x: ["a"] } }, { x: [] }, false],
    ["an empty text is not one that is allowed", { allowed_parameters: { x: ["a"] } }, { x: "" }, false],
    ["a whole list is allowed", { allowed_parameters: { x: [["a", "b"]] } }, { x: ["a", "b"] }, true],
    ["null is null", { allowed_parameters: { x: [null] } }, { x: null }, true],
    ["an object is allowed", { allowed_parameters: { x: [{ a: 1, b: 2 }] } }, { x: { b: 2, a: 1 } }, true],
    ["another object is not", { allowed_parameters: { x: [{ a: 1 }] } }, { x: { a: 1, b: 2 } }, false],
    ["a list is no object", { allowed_parameters: { x: [{ 0: 1 }] } }, { x: [1] }, false],
    ["a text is no list", { allowed_parameters: { x: [["a"]] } }, { x: "a" }, false],
    ["a denied item of a list is denied", { denied_parameters: { x: ["a"] } }, { x: ["b", "a"] }, false],
    ["a denied item with commas is denied", { denied_parameters: { x: ["a"] } }, { x: "b, a" }, false],
    [
      "a denied object is denied",
      { denied_parameters: { x: [{ a: 1, b: 2 }] } },
      { x: { b: 2, a: 1 } },
      false,
    ],
    ["true is denied as a text", { denied_parameters: { x: [true] } }, { x: "true" }, false],
    ["a number is denied by a star", { denied_parameters: { x: ["*"] } }, { x: 5 }, false],
    ["a denied star reaches over commas", { denied_parameters: { x: ["a*"] } }, { x: "a,b" }, false],
    ["denied names are compared without case", { denied_parameters: { x: [] } }, { X: 1 }, false],
    ["a denied one is denied", { denied_parameters: { x: [] } }, { x: 1 }, false],
    ["a denied value is denied", { denied_parameters: { x: ["a"] } }, { x: "a" }, false],
    ["another value is not", { denied_parameters: { x: ["a"] } }, { x: "b" }, true],
    ["all can be denied", { denied_parameters: { "*": [] } }, { y: 1 }, false],
    [
      "denied counts before allowed",
      { allowed_parameters: { x: [] }, denied_parameters: { x: [] } },
      { x: 1 },
      false,
    ],
    ["a required one must be there", { required_parameters: ["x"] }, { y: 1 }, false],
    ["and then all is well", { required_parameters: ["x"] }, { x: 1, y: 1 }, true],
    ["a required one must be there where nothing is", { required_parameters: ["x"] }, {}, false],
    ["names are compared without case", { allowed_parameters: { Name: [] } }, { name: 1 }, true],
  ])("%s", (_what, about, parameters, isAllowed) => {
    expect(may(aclOf(rule(about)), parameters)).toBe(isAllowed);
  });

  test("of several policies are joined", () => {
    const acl = aclOf(
      rule({ allowed_parameters: { x: ["a"] } }),
      rule({ allowed_parameters: { x: ["b"], y: [] } }),
    );
    expect([may(acl, { x: "a" }), may(acl, { x: "b", y: 1 }), may(acl, { x: "c" })]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("count at a joined path though another policy has none", () => {
    const acl = aclOf(rule({ allowed_parameters: { x: ["a"] } }), rule({}));
    expect([may(acl, { x: "a" }), may(acl, { y: 1 })]).toEqual([true, false]);
  });

  test("are any value at a joined path where one policy says so", () => {
    const acl = aclOf(
      rule({ allowed_parameters: { x: ["a"] } }),
      rule({ allowed_parameters: { x: [] } }),
      rule({ allowed_parameters: { x: ["b"] } }),
    );
    expect(may(acl, { x: "c" })).toBe(true);
  });

  test("are denied and required at a joined path by any policy", () => {
    const acl = aclOf(
      rule({ required_parameters: ["x"] }),
      rule({ required_parameters: ["y"], denied_parameters: { z: ["1"] } }),
      rule({ denied_parameters: { z: ["2"] } }),
    );
    expect([{ x: 1, y: 1 }, { x: 1 }, { x: 1, y: 1, z: "2" }].map((given) => may(acl, given))).toEqual([
      ...[true, false, false],
    ]);
  });

  test("say in the answer which parameter it was, and show no value", () => {
    const acl = aclOf(rule({ denied_parameters: { x: ["hunter2"] } }));
    const parameters = { x: "hunter2" };
    expect(acl.decide({ path: "kv/a", capability: "update", parameters })).toEqual({
      isAllowed: false,
      rule: { pattern: "kv/a", policies: ["p0"] },
      why: 'The rule allows to update, but the parameter "x" is denied, or its value.',
    });
  });

  test("do not touch deleting and listing", () => {
    const acl = aclOf(rule({ required_parameters: ["x"] }, ["delete"]));
    expect(acl.decide({ path: "kv/a", capability: "delete", parameters: {} }).isAllowed).toBe(true);
  });
});

test.each([
  ["{", "is not JSON"],
  ["[]", "must be a JSON object"],
  ['{"paths":{}}', 'a key "paths"'],
  ['{"path":[]}', 'needs a key "path"'],
  ['{"path":{"":{"capabilities":[]}}}', "is empty"],
  ['{"path":{"/a":{"capabilities":[]}}}', "starts with a slash"],
  ['{"path":{"a*b":{"capabilities":[]}}}', '"*" before its end'],
  ['{"path":{"a+/b":{"capabilities":[]}}}', '"+" beside other characters'],
  ['{"path":{"a/+*":{"capabilities":[]}}}', '"+" beside other characters'],
  ['{"path":{"a":{"capabilities":["deny"]},"a":{"capabilities":["read"]}}}', 'has the key "a" twice'],
  ['{"path":{"a":{"capabilities":["deny"]},"\\u0061":{"capabilities":["read"]}}}', 'has the key "a" twice'],
  ['{"path":{"a":{"capabilities":[],"allowed_parameters":{"*":["x"]}}}}', "can only be []"],
  ['{"path":{"a":{"capabilities":[],"denied_parameters":{"x":[],"X":[1]}}}}', '"X" in "denied_parameters"'],
  ['{"path":{"a":[]}}', 'has no object at "a"'],
  ['{"path":{"a":{}}}', 'needs "capabilities"'],
  ['{"path":{"a":{"capabilities":["raed"]}}}', 'unknown capability "raed"'],
  ['{"path":{"a":{"capability":["read"]}}}', 'Did you mean "capabilities"'],
  ['{"path":{"a":{"capabilities":["read"],"allowed_parameters":{"x":1}}}}', "needs a list of values"],
  ['{"path":{"a":{"capabilities":["read"],"required_parameters":"x"}}}', "required_parameters"],
])("the policy %s is refused", (text, words) => {
  expect(() => parsePolicy(text)).toThrow(words);
});

test("a key may stand again in another object, and in a text", () => {
  const text =
    '{"path": {"a": {"capabilities": ["read"]}, "path": {"capabilities": ["read"], "allowed_parameters": {"a": ["a\\":{", "a"], "capabilities": []}}}}';
  expect(parsePolicy(text).rules.map(({ pattern }) => pattern)).toEqual(["a", "path"]);
});

test("a policy has its limits", () => {
  const rule = { capabilities: ["read"] };
  const policyOf = (count: number) =>
    JSON.stringify({ path: Object.fromEntries(Array.from({ length: count }, (_, at) => [`a${at}`, rule])) });
  expect(parsePolicy(policyOf(1000)).rules).toHaveLength(1000);
  expect(() => parsePolicy(policyOf(1001))).toThrow("has 1001 paths; 1000 are allowed. Split it.");
  expect(() => parsePolicy(" ".repeat(50_000))).toThrow("is 50000 characters long");
  expect(() => parsePolicy(JSON.stringify({ path: { ["a".repeat(1201)]: rule } }))).toThrow("1200 bytes");
  expect(() => parsePolicy(JSON.stringify({ path: { "a\nb": rule } }))).toThrow("control characters");
});
