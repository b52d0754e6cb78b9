import { describe, expect, it } from "vitest";
import { policySourceOf, sessionPolicyOf } from "../../../../src/backends/aws/sts/session-policy.ts";
import type { JsonValue } from "../../../../src/core/json.ts";

const statement = { Sid: "One", Effect: "Allow", Action: "s3:*", Resource: "*" };
const policy = (version: string | undefined, statements: JsonValue, from = "a policy") => ({
  from,
  document: { ...(version === undefined ? {} : { Version: version }), Statement: statements },
});

describe("sessionPolicyOf()", () => {
  it("is nothing where there are no policies", () => {
    expect(sessionPolicyOf([])).toBeUndefined();
  });

  it("joins the statements of all, without their names", () => {
    const text = sessionPolicyOf([policy("2012-10-17", [statement]), policy("2012-10-17", statement)]);
    const { Sid: _, ...bare } = statement;
    expect(JSON.parse(text ?? "")).toEqual({ Version: "2012-10-17", Statement: [bare, bare] });
  });

  it("keeps the old version where all policies are of it, and none of its texts become variables elsewhere", () => {
    const old = { ...statement, Resource: ["arn:aws:s3:::a/$", "{aws:username}"].join("") };
    expect(sessionPolicyOf([policy(undefined, [old])])).toContain('"Version":"2008-10-17"');
    expect(sessionPolicyOf([policy("2008-10-17", [statement]), policy("2012-10-17", [statement])])).toContain(
      '"Version":"2012-10-17"',
    );
    expect(() =>
      sessionPolicyOf([policy("2012-10-17", [statement]), policy("2008-10-17", [old], "the old one")]),
    ).toThrow('The old one is of an old version of policies and holds "${"');
  });

  it("refuses more than AWS takes, naming where it is from", () => {
    const large = policy("2012-10-17", [{ ...statement, Resource: "x".repeat(2100) }], "the large one");
    expect(() => sessionPolicyOf([policy("2012-10-17", statement, "the small one"), large])).toThrow(
      /^The small one and the large one make a session policy of \d+ characters, and AWS takes 2048\./,
    );
  });
});

describe("policySourceOf()", () => {
  it.each(["no JSON", "[]", "null"])("refuses %s", (text) => {
    expect(() => policySourceOf(text, "a policy of the group")).toThrow(
      "A policy of the group is no JSON object.",
    );
  });
});
