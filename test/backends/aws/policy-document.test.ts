import { describe, expect, it } from "vitest";
import { allowsIamWrites } from "../../../src/backends/aws/iam-writes.ts";
import { checkPolicyDocument } from "../../../src/backends/aws/policy-document.ts";
import type { JsonObject, JsonValue } from "../../../src/core/json.ts";
import { mountAws, tutorialPolicy } from "./mounted-aws.ts";

const allow = (more: JsonObject): JsonObject => ({ Effect: "Allow", Action: "s3:*", Resource: "*", ...more });
const policy = (...statements: JsonValue[]): JsonObject => ({ Version: "2012-10-17", Statement: statements });

function problemOf(document: JsonObject): string {
  try {
    checkPolicyDocument(document, "policy_document");
  } catch (error) {
    expect(error).toMatchObject({ code: "INVALID_POLICY", details: { field: "policy_document" } });
    return (error as Error).message;
  }
  return "";
}

describe("checking a policy document", () => {
  it.each<[string, JsonObject]>([
    ["the tutorial's", tutorialPolicy],
    ["a single statement", { Version: "2008-10-17", Id: "x", Statement: allow({}) }],
    [
      "conditions and negations",
      policy({ Effect: "Deny", NotAction: ["s3:*"], NotResource: "*", Condition: {} }),
    ],
    ["two Sids", policy(allow({ Sid: "A" }), allow({ Sid: "B" }), allow({ Sid: "" }), allow({ Sid: "" }))],
  ])("accepts %s", (_, document) => {
    expect(problemOf(document)).toBe("");
  });

  it.each<[string, JsonObject, string]>([
    ["no version", { Statement: [allow({})] }, '"Version": "2012-10-17"'],
    ["another version", { Version: "2020-01-01", Statement: [allow({})] }, '"Version": "2012-10-17"'],
    ["no statement", { Version: "2012-10-17" }, "at least one statement"],
    ["an empty list", policy(), "at least one statement"],
    ["an unknown element", { ...policy(allow({})), statement: [] }, '"statement"'],
    ["a statement that is a text", policy(allow({}), "x"), "statement 2"],
    ["a small letter", policy(allow({ action: "*" })), '"action"'],
    ["a principal", policy(allow({ Principal: "*" })), "principal"],
    ["an unknown effect", policy(allow({ Effect: "allow" })), '"Effect" must be'],
    ["no action", policy({ Effect: "Allow", Resource: "*" }), 'either "Action" or "NotAction"'],
    ["both actions", policy(allow({ NotAction: "*" })), 'either "Action" or "NotAction"'],
    ["no resource", policy({ Effect: "Allow", Action: "*" }), 'either "Resource" or "NotResource"'],
    ["an empty list of actions", policy(allow({ Action: [] })), '"Action" must be'],
    ["a number as resource", policy(allow({ Resource: 1 })), '"Resource" must be'],
    ["a condition that is a list", policy(allow({ Condition: [] })), '"Condition" must be'],
    ["a Sid with a dash", policy(allow({ Sid: "a-b" })), '"Sid" must be'],
    ["a Sid twice", policy(allow({ Sid: "A" }), allow({ Sid: "A" })), "statement 2"],
    ["the guard's Sid", policy(allow({ Sid: "LeaseholdGuard" })), '"LeaseholdGuard" is taken'],
    ["characters beyond Latin-1", policy(allow({ Resource: "arn:…" })), "U+00FF"],
  ])("refuses %s, and says so", (_, document, words) => {
    expect(problemOf(document)).toContain(words);
  });

  it("counts the document and the guard together, without white space, and shows both sizes", () => {
    const sized = (length: number) => policy(allow({ Resource: `arn:aws:s3:::${"b".repeat(length)}` }));
    const overhead = JSON.stringify(sized(0)).length;
    const guard = Number(/adds (\d+)/.exec(problemOf(sized(2048)))?.[1]);
    expect(guard).toBeGreaterThan(100);
    expect(guard).toBeLessThan(180);
    const fits = 2048 - overhead - guard;
    expect(problemOf(sized(fits))).toBe("");
    expect(problemOf(sized(fits + 1))).toContain(`it has ${2048 - guard + 1} characters`);
  });

  it("tells where a text is not JSON", async () => {
    const broken = '{"Version":"2012-10-17",\n"Statement":[}';
    await expect(mountAws().ask("write", "roles/deploy", { policy_document: broken })).rejects.toMatchObject({
      code: "INVALID_POLICY",
      message: expect.stringContaining("line 2, column 14"),
    });
  });
});

describe("telling whether a role may write IAM", () => {
  it.each(["*", "iam:*", "iam:Put*", "IAM:CREATEACCESSKEY", "i?m:createuser", "*a*m*:*c*r*e*a*t*e*r*o*l*e*"])(
    "finds it in %s",
    (action) => {
      expect(allowsIamWrites({ document: policy(allow({ Action: ["s3:*", action] })), policyArns: [] })).toBe(
        true,
      );
    },
  );

  it("finds it in all actions but others", () => {
    const document = policy({ Effect: "Allow", NotAction: "s3:*", Resource: "*" });
    expect(allowsIamWrites({ document, policyArns: [] })).toBe(true);
    const withoutIam = policy({ Effect: "Allow", NotAction: ["iam:*"], Resource: "*" });
    expect(allowsIamWrites({ document: withoutIam, policyArns: [] })).toBe(false);
  });

  it.each(["iam:Get*", "iam:ListUsers", "s3:*", "ec2:iam:createuser"])("does not find it in %s", (action) => {
    expect(allowsIamWrites({ document: policy(allow({ Action: action })), policyArns: [] })).toBe(false);
  });

  it.each(["iam:TagUser", "iam:UpdateUser", "iam:AddUserToGroup", "iam:CreatePolicyVersion", "iam:Attach*"])(
    "finds it in %s, by which a user could slip out of its revocation or get more",
    (action) => {
      expect(allowsIamWrites({ document: policy(allow({ Action: action })), policyArns: [] })).toBe(true);
    },
  );

  it.each<[JsonValue, boolean]>([
    ["arn:aws:s3:::bucket/*", false],
    [["arn:aws:s3:::bucket/*", "arn:aws:iam::111122223333:user/*"], true],
    ["arn:aws-cn:i*", true],
    ["arn:*:bucket", true],
    ["*", true],
  ])("goes by what the statement is about: %o", (resource, isFound) => {
    const document = policy(allow({ Action: "*", Resource: resource }));
    expect(allowsIamWrites({ document, policyArns: [] })).toBe(isFound);
  });

  it.each([
    ["AdministratorAccess", true],
    ["IAMFullAccess", true],
    ["PowerUserAccess", false],
    ["ReadOnlyAccess", false],
    ["job-function/Billing", false],
  ])("knows what AWS's own policy %s allows", (name, isFound) => {
    for (const partition of ["aws", "aws-cn", "aws-us-gov"]) {
      const policyArns = [`arn:${partition}:iam::aws:policy/${name}`];
      expect(allowsIamWrites({ document: undefined, policyArns })).toBe(isFound);
    }
  });

  it("does not find it where IAM is denied in every case", () => {
    const policyArns = ["arn:aws:iam::aws:policy/AdministratorAccess"];
    const deny = (more: JsonObject) => policy(allow({ Effect: "Deny", Action: "iam:*", ...more }));
    expect(allowsIamWrites({ document: deny({}), policyArns })).toBe(false);
    expect(allowsIamWrites({ document: deny({ Condition: { Bool: {} } }), policyArns })).toBe(true);
    expect(allowsIamWrites({ document: deny({ Resource: "arn:aws:iam::1:user/x" }), policyArns })).toBe(true);
    expect(allowsIamWrites({ document: deny({ Action: "iam:Put*" }), policyArns })).toBe(true);
  });

  it("does not find it in what is denied", () => {
    const document = policy(allow({ Effect: "Deny", Action: "*" }));
    expect(allowsIamWrites({ document, policyArns: [] })).toBe(false);
  });
});
