import { describe, expect, it } from "vitest";
import { checkPolicyDocument } from "../../../../src/backends/aws/policy-document.ts";
import { longestPolicy, renderPolicy } from "../../../../src/backends/aws/templates/policy-template.ts";
import type { TemplateValues } from "../../../../src/backends/aws/templates/template.ts";
import type { JsonObject, JsonValue } from "../../../../src/core/json.ts";
import { mountAws } from "../mounted-aws.ts";

const values: TemplateValues = {
  "caller.name": "ann",
  "caller.id": "c1",
  role: "deploy",
  mount: "aws",
  "lease.id": "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  "lease.uuid": "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
};

const policy = (resource: JsonValue, more: JsonObject = {}, version = "2012-10-17"): JsonObject => ({
  Version: version,
  Statement: [{ Effect: "Allow", Action: "s3:*", Resource: resource, ...more }],
});

function problemOf(document: JsonObject): string {
  try {
    checkPolicyDocument(document, "policy_document");
  } catch (error) {
    expect(error).toMatchObject({ code: "INVALID_POLICY", details: { field: "policy_document" } });
    return (error as Error).message;
  }
  return "";
}

describe("variables in policies", () => {
  it("stand for their values in resources and conditions, and leave the rest as it is", () => {
    const document = policy(["arn:aws:s3:::{{mount}}/{{ caller.name }}/*", `arn:aws:s3:::\${aws:username}`], {
      Condition: { StringEquals: { "aws:PrincipalTag/lease": ["{{lease.uuid}}", "x"] } },
    });
    expect(problemOf(document)).toBe("");
    expect(renderPolicy(document, values)).toEqual(
      policy(["arn:aws:s3:::aws/ann/*", `arn:aws:s3:::\${aws:username}`], {
        Condition: { StringEquals: { "aws:PrincipalTag/lease": [values["lease.uuid"], "x"] } },
      }),
    );
  });

  it.each([
    ["*", `\${*}`],
    ["a?c", `a\${?}c`],
    [`\${aws:userid}`, `\${$}{aws:userid}`],
    ['"},{"', '"},{"'],
    ["{{role}}", "{{role}}"],
    ["$&", `\${$}&`],
  ])("make a value %s stand for itself", (name, shown) => {
    const rendered = renderPolicy(policy("arn:aws:s3:::home/{{caller.name}}"), {
      ...values,
      "caller.name": name,
    });
    expect(JSON.parse(JSON.stringify(rendered))).toEqual(policy(`arn:aws:s3:::home/${shown}`));
  });

  it.each<[string, JsonObject, string]>([
    ["an unknown variable", policy("{{caller.nmae}}"), "Did you mean {{caller.name}}?"],
    ["one that has nothing in it", policy("{{}}"), "{{lease.uuid}}"],
    ["braces that are left open", policy("{{caller.name"), "begins no variable"],
    ["what would become IAM's own variable", policy(`\${{caller.name}}`), "right before or after"],
    [
      "a part of IAM's own variable",
      policy(`\${aws:PrincipalTag/{{caller.name}}-team}`),
      "inside one of IAM's own",
    ],
    ["IAM's own variable with a space", policy(`\${ {{caller.name}} }`), "inside one of IAM's own"],
    ["three braces", policy("{{{role}}}"), "right before or after"],
    ["a variable in an action", policy("*", { Action: "s3:{{role}}" }), '"Action"'],
    ["a variable in a Sid", policy("*", { Sid: "{{role}}" }), '"Sid"'],
    ["a variable in an operator", policy("*", { Condition: { "{{role}}": { a: "b" } } }), "in a name"],
    [
      "variables in the old version of policies",
      policy("{{role}}", {}, "2008-10-17"),
      '"Version": "2012-10-17"',
    ],
  ])("are refused as %s", (_, document, words) => {
    expect(problemOf(document)).toContain(words);
  });

  it("are counted as long as they can become", async () => {
    const write = (document: JsonObject) =>
      mountAws().ask("write", "roles/deploy", { policy_document: document });
    const repeated = (count: number) =>
      policy(Array.from({ length: count }, (_, at) => `${at}{{caller.name}}`));
    await write(repeated(12));
    await expect(write(repeated(14))).rejects.toMatchObject({
      code: "INVALID_POLICY",
      message: expect.stringContaining("its variables can make it"),
    });
    const longest = JSON.stringify(longestPolicy(repeated(12), { role: "deploy", mountPath: "aws" }));
    const rendered = renderPolicy(repeated(12), { ...values, "caller.name": "*".repeat(32) });
    expect(JSON.stringify(rendered).length).toBe(longest.length);
  });
});
