import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../src/core/json.ts";
import { mountAws, rootKey, tutorialPolicy } from "../mounted-aws.ts";

const govPolicy = "arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess";
const policy = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const gov = { ...rootKey, region: "us-gov-west-1" };
const resource = (text: string): JsonObject => ({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:GetObject", Resource: text }],
});

async function mountWith(root: JsonObject) {
  const aws = mountAws();
  await aws.ask("write", "config/root", root);
  return aws;
}

describe("A role in the partition of the mount's region", () => {
  it.each([
    ["policy_arns", { policy_arns: [govPolicy, policy] }],
    ["arn", { arn: policy }],
    ["permissions_boundary_arn", { policy_arns: [govPolicy], permissions_boundary_arn: policy }],
    ["role_arns", { credential_type: "assumed_role", role_arns: "arn:aws:iam::123456789012:role/reader" }],
    [
      "mfa_serial_number",
      { credential_type: "session_token", mfa_serial_number: "arn:aws:iam::123456789012:mfa/me" },
    ],
  ])("is refused where %s is of another one", async (field, data) => {
    const aws = await mountWith(gov);
    await expect(aws.ask("write", "roles/deploy", data)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: expect.stringMatching(
        /"arn:aws:iam.*not of partition aws-us-gov.*"us-gov-west-1".*config\/root/,
      ),
      details: { field },
    });
    expect(await aws.storage.list("roles/")).toEqual([]);
  });

  it("is taken with ARNs of that one, and with the serial number of a device", async () => {
    const aws = await mountWith(gov);
    const role_arns = "arn:aws-us-gov:iam::123456789012:role/reader";
    const sessions = { credential_type: "assumed_role", role_arns };
    expect(await aws.ask("write", "roles/read", sessions)).toEqual({ warnings: [] });
    expect(await aws.ask("write", "roles/deploy", { policy_arns: govPolicy })).toEqual({ warnings: [] });
    const own = { credential_type: "session_token", mfa_serial_number: "GAHT12345678" };
    expect(await aws.ask("write", "roles/own", own)).toEqual({ warnings: [] });
  });

  it("is of the main one where config/root names no region", async () => {
    const aws = await mountWith(rootKey);
    await expect(aws.ask("write", "roles/deploy", { policy_arns: govPolicy })).rejects.toMatchObject({
      details: { field: "policy_arns" },
    });
    expect(await aws.ask("write", "roles/deploy", { policy_arns: policy })).toEqual({ warnings: [] });
  });

  it("is warned of where its policy speaks of things in another one", async () => {
    const aws = await mountWith(gov);
    const written = await aws.ask("write", "roles/deploy", { policy_document: resource("arn:aws:s3:::a/*") });
    expect(written.warnings).toEqual([
      expect.stringMatching(/^The policy names "arn:aws:s3:::a\/\*", .*aws-us-gov/),
    ]);
  });

  it.each(["*", "arn:aws-us-gov:s3:::a/*", "arn:*:s3:::a/*", "arn:aws*:s3:::a/*", "{{role}}"])(
    "is not warned of for the resource %s",
    async (text) => {
      const aws = await mountWith(gov);
      expect(await aws.ask("write", "roles/deploy", { policy_document: resource(text) })).toEqual({
        warnings: [],
      });
    },
  );

  it("can be written before the region is known, and whoever writes a region is told what does not fit it", async () => {
    const aws = mountAws();
    await aws.ask("write", "roles/a", { policy_arns: govPolicy });
    await aws.ask("write", "roles/b", { policy_document: tutorialPolicy });
    expect((await aws.ask("write", "config/root", rootKey)).warnings).toEqual([
      expect.stringMatching(/^Role "a" names ARNs that are not of partition aws, .*"us-east-1"/),
    ]);
    expect(await aws.ask("write", "config/root", { region: "us-gov-east-1" })).toEqual({ warnings: [] });
    await aws.ask("write", "roles/c", { policy_arns: govPolicy });
    expect((await aws.ask("write", "config/root", { region: "cn-north-1" })).warnings).toEqual([
      expect.stringMatching(/^Roles "a", "c" name ARNs that are not of partition aws-cn/),
    ]);
    expect(await aws.ask("write", "config/root", { max_retries: 1, validate: true })).toEqual({
      warnings: [],
    });
  });

  it("can be of any where config/root has endpoints of its own, as can the AWS role of config/root", async () => {
    const endpoints = {
      iam_endpoint: "https://iam.new.example.com",
      sts_endpoint: "https://sts.new.example.com",
    };
    const role_arn = "arn:aws-new:iam::123456789012:role/leasehold";
    const aws = await mountWith({ ...rootKey, ...endpoints, role_arn, validate: false });
    const sessions = { credential_type: "assumed_role", role_arns: role_arn };
    expect(await aws.ask("write", "roles/read", sessions)).toEqual({ warnings: [] });
    const document = { policy_document: resource("arn:aws-new:s3:::a/*") };
    expect(await aws.ask("write", "roles/deploy", document)).toEqual({ warnings: [] });
    const back = { iam_endpoint: "", sts_endpoint: "", role_arn: "", validate: false };
    expect((await aws.ask("write", "config/root", back)).warnings).toEqual([
      expect.stringMatching(/^Role "read" names ARNs/),
    ]);
  });
});
