import { describe, expect, it } from "vitest";
import type { Role } from "../../../src/backends/aws/role.ts";
import { plannedHandleBytesMax, planUser } from "../../../src/backends/aws/user-handle.ts";
import { createFakeIam } from "../../kit/fake-iam.ts";
import { createInstantClock } from "./instant-clock.ts";
import { tutorialPolicy } from "./mounted-aws.ts";

const ids = {
  leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  leaseId: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  accessor: "aws_4f1c2d3e",
  role: "deploy",
};
const role: Role = {
  credentialType: "iam_user",
  document: tutorialPolicy,
  policyArns: [],
  groups: [],
  tags: {},
  boundaryArn: undefined,
  userPath: "/leasehold/",
  defaultTtlMs: undefined,
  maxTtlMs: undefined,
  maxLeases: undefined,
};
const clock = createInstantClock();
const root = { iam: createFakeIam(clock), accessKey: "A", account: "111122223333", retriesMax: 3, clock };
const plan = (change: Partial<Role> = {}, names = ids) =>
  planUser({ role: { ...role, ...change }, root }, names);

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

  it("names the user after the role, cut to what IAM allows, and the lease", () => {
    expect(plan({}, { ...ids, role: "a".repeat(64) }).user).toBe(
      `leasehold-${"a".repeat(21)}-0d042c53aa8a4ce79dfd310351c465e5`,
    );
    expect(plan({}, { ...ids, role: "a".repeat(64) }).user).toHaveLength(64);
    expect(() => plan({}, { ...ids, leaseUuid: "7" })).toThrow("is not a UUID");
  });
});
