import { describe, expect, it } from "vitest";
import {
  checkUserNameTemplate,
  leaseUuidOf,
  renderUserName,
  userNameOf,
} from "../../../src/backends/aws/user-name.ts";

const leaseUuid = "0d042c53-aa8a-4ce7-9dfd-310351c465e5";
const digits = "0d042c53aa8a4ce79dfd310351c465e5";
const values = {
  "caller.name": "Ann Bee",
  "caller.id": "token/1",
  role: "deploy",
  mount: "teams/aws",
  "lease.id": `teams/aws/creds/deploy/${leaseUuid}`,
  "lease.uuid": leaseUuid,
};

describe("names of leased users", () => {
  it("are of the role and the lease where the mount says nothing", () => {
    expect(userNameOf("deploy", leaseUuid)).toBe(`leasehold-deploy-${digits}`);
    expect(renderUserName(values)).toBe(`leasehold-deploy-${digits}`);
    expect(() => userNameOf("deploy", "7")).toThrow("is not a UUID");
  });

  it.each([
    ["{{caller.name}}-{{role}}", `Ann_Bee-deploy-${digits}`],
    ["{{mount}}.{{caller.id}}", `teams_aws.token_1-${digits}`],
    ["ci-{{lease.uuid}}", `ci-${digits}`],
    ["{{lease.uuid}}", digits],
    ["ci-{{lease.id}}", `ci-${digits}`],
    ["plain", `plain-${digits}`],
    ["{{caller.name}}".repeat(9), `${"Ann_Bee".repeat(9).slice(0, 31)}-${digits}`],
  ])("follow the template %s, end in the lease and fit IAM", (template, name) => {
    expect(() => checkUserNameTemplate(template)).not.toThrow();
    expect(renderUserName(values, template)).toBe(name);
    expect(name.length).toBeLessThanOrEqual(64);
    expect(leaseUuidOf(name)).toBe(leaseUuid);
  });

  it.each([
    ["{{rolle}}", "Did you mean {{role}}?"],
    [
      "{{lease.name}}",
      "The variables are {{caller.name}}, {{caller.id}}, {{role}}, {{mount}}, {{lease.id}}, {{lease.uuid}}.",
    ],
    ["{{lease.uuid}}-{{role}}", "at its end only"],
    ["a b", "characters that user names cannot have"],
    ["{{ if .DisplayName }}", "unknown variable"],
  ])("cannot follow the template %s", (template, words) => {
    expect(() => checkUserNameTemplate(template)).toThrow(words);
  });
});
