import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/core/json.ts";
import { mountAws, tutorialPolicy } from "./mounted-aws.ts";

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const write = (data: JsonObject, name = "deploy") => mountAws().ask("write", `roles/${name}`, data);

describe("the path roles/:name", () => {
  it("reads back what was written, under the standard names", async () => {
    const aws = mountAws();
    await aws.ask("write", "roles/deploy", {
      credential_type: "iam_user",
      policy_document: JSON.stringify(tutorialPolicy),
      policy_arns: `${readOnly},arn:aws:iam::111122223333:policy/own`,
      iam_groups: ["builders"],
      iam_tags: ["team=blue"],
      permissions_boundary_arn: "arn:aws:iam::111122223333:policy/boundary",
      user_path: "/ci/",
      default_ttl: "30m",
      max_ttl: 7200,
      max_leases: "25",
    });
    expect(await aws.ask("read", "roles/deploy")).toEqual({
      data: {
        credential_type: "iam_user",
        policy_document: JSON.stringify(tutorialPolicy),
        policy_arns: [readOnly, "arn:aws:iam::111122223333:policy/own"],
        iam_groups: ["builders"],
        iam_tags: { team: "blue" },
        permissions_boundary_arn: "arn:aws:iam::111122223333:policy/boundary",
        user_path: "/ci/",
        default_ttl: 1800,
        max_ttl: 7200,
        max_leases: 25,
        deadmans_switch: true,
        deadmans_switch_grace: 0,
      },
    });
  });

  it("is replaced whole by a write", async () => {
    const aws = mountAws();
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy, max_ttl: "1h" });
    await aws.ask("write", "roles/deploy", { policy_arns: [readOnly] });
    expect(await aws.ask("read", "roles/deploy")).toEqual({
      data: {
        credential_type: "iam_user",
        policy_document: "",
        policy_arns: [readOnly],
        iam_groups: [],
        iam_tags: {},
        permissions_boundary_arn: "",
        user_path: "/leasehold/",
        default_ttl: 0,
        max_ttl: 0,
        max_leases: 0,
        deadmans_switch: true,
        deadmans_switch_grace: 0,
      },
    });
  });

  it("is listed, and gone once it is deleted, again and again", async () => {
    const aws = mountAws();
    await aws.ask("write", "roles/deploy", { policy_arns: [readOnly] });
    await aws.ask("write", "roles/build", { policy_arns: [readOnly] });
    expect(await aws.ask("list", "roles")).toEqual({ keys: ["build", "deploy"] });
    await aws.ask("delete", "roles/deploy");
    await aws.ask("delete", "roles/deploy");
    expect(await aws.ask("list", "roles")).toEqual({ keys: ["build"] });
    await expect(aws.ask("read", "roles/deploy")).rejects.toMatchObject({ code: "NO_SUCH_ROLE" });
  });

  it("takes the old names with a warning", async () => {
    const { warnings } = await write({ policy: JSON.stringify(tutorialPolicy), arn: readOnly });
    expect(warnings).toEqual([
      expect.stringContaining('"policy_document"'),
      expect.stringContaining('"policy_arns"'),
    ]);
    await expect(write({ policy: tutorialPolicy, policy_document: tutorialPolicy })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "policy" },
    });
  });

  it("says how many leases go on without it, and nothing where there are none", async () => {
    const aws = mountAws();
    await aws.ask("write", "roles/deploy", { policy_arns: [readOnly] });
    aws.live = 3;
    expect(await aws.ask("delete", "roles/deploy")).toEqual({
      warnings: [expect.stringMatching(/3 leases of it are live.*"aws\/creds\/deploy"/)],
    });
    aws.live = 0;
    expect(await aws.ask("delete", "roles/deploy")).toEqual({ warnings: [] });
  });

  it("reads what an earlier version has stored with the defaults for what it lacks", async () => {
    const aws = mountAws();
    await aws.storage.put("roles/deploy", {
      credentialType: "iam_user",
      policyArns: [readOnly],
      groups: [],
      tags: {},
      userPath: "/leasehold/",
    });
    expect((await aws.ask("read", "roles/deploy")).data).toMatchObject({
      policy_arns: [readOnly],
      deadmans_switch: true,
    });
    expect((await aws.ask("read", "roles/deploy")).data).not.toHaveProperty("role_arns");
  });

  it.each<[string, JsonObject, string]>([
    ["no permissions at all", {}, "policy_document"],
    ["a type nobody knows", { credential_type: "robot", policy_arns: [readOnly] }, "credential_type"],
    ["what is no ARN of a policy", { policy_arns: ["arn:aws:iam::aws:role/x"] }, "policy_arns"],
    [
      "too many policies",
      { policy_arns: Array.from({ length: 21 }, (_, at) => readOnly + at) },
      "policy_arns",
    ],
    ["too many groups", { iam_groups: Array.from({ length: 11 }, (_, at) => `g${at}`) }, "iam_groups"],
    ["a group that cannot be", { iam_groups: ["a b"] }, "iam_groups"],
    ["a reserved tag", { policy_arns: [readOnly], iam_tags: { "Leasehold:lease": "x" } }, "iam_tags"],
    ["a tag twice", { policy_arns: [readOnly], iam_tags: { Team: "a", team: "b" } }, "iam_tags"],
    ["a tag key too long", { policy_arns: [readOnly], iam_tags: { ["k".repeat(129)]: "x" } }, "iam_tags"],
    ["a tag value too long", { policy_arns: [readOnly], iam_tags: { k: "v".repeat(257) } }, "iam_tags"],
    ["a tag with odd characters", { policy_arns: [readOnly], iam_tags: { k: "a;b" } }, "iam_tags"],
    [
      "too many tags",
      {
        policy_arns: [readOnly],
        iam_tags: Object.fromEntries(Array.from({ length: 48 }, (_, at) => [`k${at}`, ""])),
      },
      "iam_tags",
    ],
    ["a path without slashes", { policy_arns: [readOnly], user_path: "ci" }, "user_path"],
    [
      "a boundary that is no ARN",
      { policy_arns: [readOnly], permissions_boundary_arn: "x" },
      "permissions_boundary_arn",
    ],
    ["a TTL above its maximum", { policy_arns: [readOnly], default_ttl: "2h", max_ttl: "1h" }, "default_ttl"],
  ])("refuses %s", async (_, data, field) => {
    await expect(write(data)).rejects.toMatchObject({ code: "INVALID_FIELD", details: { field } });
  });

  it("takes names of 64 characters, and no longer or stranger ones", async () => {
    await write({ policy_arns: [readOnly] }, "a_b+c=d,e.f@g-h".padEnd(64, "0"));
    for (const name of ["r".repeat(65), "a b", "a:b"]) {
      await expect(write({ policy_arns: [readOnly] }, name)).rejects.toMatchObject({ code: "INVALID_FIELD" });
    }
  });

  it("warns where the role may write IAM and nothing bounds it", async () => {
    const admin = { policy_arns: ["arn:aws:iam::aws:policy/AdministratorAccess"] };
    expect((await write(admin)).warnings).toEqual([expect.stringContaining("permissions_boundary_arn")]);
    const boundary = { permissions_boundary_arn: "arn:aws:iam::111122223333:policy/boundary" };
    expect((await write({ ...admin, ...boundary })).warnings).toEqual([]);
  });

  it("warns where it attaches more policies than AWS allows by default", async () => {
    const policyArns = Array.from({ length: 11 }, (_, at) => readOnly + at);
    expect((await write({ policy_arns: policyArns })).warnings).toEqual([expect.stringContaining("11")]);
  });
});
