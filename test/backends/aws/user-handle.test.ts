import { describe, expect, it } from "vitest";
import type { Role } from "../../../src/backends/aws/role.ts";
import { plannedHandleBytesMax, planUser, type UserInput } from "../../../src/backends/aws/user-handle.ts";
import { mountAws, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const ids = {
  leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  leaseId: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  accessor: "aws_4f1c2d3e",
  role: "deploy",
};
const aws = mountAws();
await aws.ask("write", "config/root", rootKey);
await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
// What the path gives the secret type; the lessor hands it on as it is.
const input = (await aws.issueOf("deploy")).input as UserInput;
const plan = (change: Partial<Role> = {}, names = ids, more: Partial<UserInput> = {}) =>
  planUser({ ...input, ...more, role: { ...input.role, ...change } }, names);

describe("planning a user", () => {
  it("leaves out of the handle what has its usual value", () => {
    expect(plan()).toEqual({
      user: "leasehold-deploy-0d042c53aa8a4ce79dfd310351c465e5",
      account: "111122223333",
      document: 1,
    });
  });

  it("keeps what a revocation has to take off, and another path", () => {
    const policyArns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"];
    const handle = plan({ document: undefined, policyArns, groups: ["builders"], userPath: "/ci/" });
    expect(handle).toMatchObject({ path: "/ci/", arns: policyArns, groups: ["builders"] });
    expect(handle).not.toHaveProperty("document");
  });

  it("leaves attachments that are too long to be listed by the revocation", () => {
    const policyArns = Array.from(
      { length: 20 },
      (_, at) => `arn:aws:iam::111122223333:policy/${"p".repeat(100)}${at}`,
    );
    const handle = plan({ policyArns, userPath: `/${"p".repeat(510)}/` });
    expect(handle).toMatchObject({ unlisted: 1 });
    expect(Buffer.byteLength(JSON.stringify(handle))).toBeLessThan(plannedHandleBytesMax);
  });

  it("says what is unusual about the guard", () => {
    expect(plan({}, ids, { guardGraceMs: 600_000 })).toMatchObject({ guardGraceMs: 600_000 });
    const without = plan({ deadMansSwitch: false }, ids, { guardGraceMs: 600_000 });
    expect(without).toMatchObject({ unguarded: 1 });
    expect(without).not.toHaveProperty("guardGraceMs");
  });

  it("names the user by the template of the mount", () => {
    const root = { ...input.root, usernameTemplate: "ci-{{caller.name}}-{{role}}" };
    const source = { caller: { id: "c1", name: "Ann Bee/x" }, mountPath: "aws" };
    expect(plan({}, ids, { root, source }).user).toBe("ci-Ann_Bee_x-deploy-0d042c53aa8a4ce79dfd310351c465e5");
  });

  it("names the user after the role, cut to what IAM allows, and the lease", () => {
    expect(plan({}, { ...ids, role: "a".repeat(64) }).user).toBe(
      `leasehold-${"a".repeat(21)}-0d042c53aa8a4ce79dfd310351c465e5`,
    );
    expect(plan({}, { ...ids, role: "a".repeat(64) }).user).toHaveLength(64);
    expect(() => plan({}, { ...ids, leaseUuid: "7" })).toThrow("is not a UUID");
  });
});
