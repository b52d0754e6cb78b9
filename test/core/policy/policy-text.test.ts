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
  ['{"path":{"a":{}}}', 'needs "capabilities"'],
  ['{"path":{"a":{"capabilities":["raed"]}}}', 'unknown capability "raed"'],
  ['{"path":{"a":{"capability":["read"]}}}', 'Did you mean "capabilities"'],
  ['{"path":{"a":{"capabilities":["read"],"allowed_parameters":{"x":1}}}}', "needs a list of values"],
  ['{"path":{"a":{"capabilities":["read"],"required_parameters":"x"}}}', "required_parameters"],
])("the policy %s is refused", (text, words) => {
  expect(() => parsePolicy(text)).toThrow(words);
});
