import { describe, expect, it } from "vitest";
import { parsePolicyDocument } from "../../../../src/dev/simulator/policy/policy-document.ts";

const statement = { Effect: "Allow", Action: "ec2:*", Resource: "*" };

function parse(document: unknown, kind: "identity" | "trust" = "identity") {
  return () => parsePolicyDocument(typeof document === "string" ? document : JSON.stringify(document), kind);
}

function withStatement(change: object) {
  return { Version: "2012-10-17", Statement: [{ ...statement, ...change }] };
}

describe("parsePolicyDocument()", () => {
  it("accepts one statement without a list, and a list of them with ids", () => {
    expect(parse({ Version: "2012-10-17", Statement: statement })).not.toThrow();
    const two = [
      { ...statement, Sid: "One" },
      { ...statement, Sid: "Two" },
    ];
    expect(parse({ Version: "2012-10-17", Id: "x", Statement: two })).not.toThrow();
  });

  it.each([
    ["text that is no JSON", "{", "Syntax errors in policy."],
    ["a list", "[]", "Syntax errors in policy."],
    ["no version", { Statement: [statement] }, "Policy document must be version 2012-10-17 or greater."],
    ["no statement", { Version: "2012-10-17" }, "Syntax errors in policy."],
    ["an empty list of statements", { Version: "2012-10-17", Statement: [] }, "Syntax errors in policy."],
    ["an unknown element", withStatement({ Actions: "x" }), "Syntax errors in policy."],
    ["an unknown effect", withStatement({ Effect: "Permit" }), "Syntax errors in policy."],
    ["no action", withStatement({ Action: undefined }), "Policy statement must contain actions."],
    ["action and not-action", withStatement({ NotAction: "iam:*" }), "Syntax errors in policy."],
    [
      "an action without a service",
      withStatement({ Action: "DescribeRegions" }),
      "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
    ],
    ["no resource", withStatement({ Resource: undefined }), "Policy statement must contain resources."],
    [
      "a resource that is no ARN",
      withStatement({ Resource: "bucket" }),
      'Resource bucket must be in ARN format or "*".',
    ],
    ["a principal", withStatement({ Principal: "*" }), "Policy document should not specify a principal."],
    ["a condition that is no object", withStatement({ Condition: "x" }), "Syntax errors in policy."],
    [
      "an unknown operator",
      withStatement({ Condition: { StringIs: { "aws:username": "a" } } }),
      "Syntax errors in policy.",
    ],
    [
      "a date that is none",
      withStatement({ Condition: { DateLessThan: { "aws:CurrentTime": "soon" } } }),
      "The policy failed legacy parsing",
    ],
  ])("refuses %s", (_, document, sentence) => {
    expect(parse(document)).toThrow(
      expect.objectContaining({ code: "MalformedPolicyDocument", message: sentence }),
    );
  });

  it("refuses two statements of the same id", () => {
    const twice = [
      { ...statement, Sid: "One" },
      { ...statement, Sid: "One" },
    ];
    expect(parse({ Version: "2012-10-17", Statement: twice })).toThrow("must be unique");
  });

  it("wants a principal and no resource in a trust policy", () => {
    const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { AWS: "123456789012" } };
    expect(parse({ Version: "2012-10-17", Statement: [trust] }, "trust")).not.toThrow();
    expect(parse({ Version: "2012-10-17", Statement: [{ ...trust, Resource: "*" }] }, "trust")).toThrow();
    expect(parse({ Version: "2012-10-17", Statement: [statement] }, "trust")).toThrow();
  });
});
