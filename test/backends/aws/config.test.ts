import { describe, expect, it } from "vitest";
import { awsFailure } from "../../kit/fake-iam.ts";
import { mountAws, rootKey, tutorialPolicy } from "./mounted-aws.ts";

describe("the path config/root", () => {
  it("stores the root key, and the account that AWS tells", async () => {
    const aws = mountAws({ iamEndpoint: "http://127.0.0.1:1", stsEndpoint: "http://127.0.0.1:2" });
    expect(await aws.ask("write", "config/root", { ...rootKey, sts_endpoint: "http://127.0.0.1:3" })).toEqual(
      {
        warnings: [],
      },
    );
    expect(await aws.storage.get("config/root")).toMatchObject({ account: "111122223333" });
    expect(aws.connections).toEqual([
      {
        accessKey: rootKey.access_key,
        secretKey: rootKey.secret_key,
        region: "us-east-1",
        iamEndpoint: "http://127.0.0.1:1",
        stsEndpoint: "http://127.0.0.1:3",
      },
    ]);
  });

  it("cannot be read", async () => {
    await expect(mountAws().ask("read", "config/root")).rejects.toMatchObject({
      code: "UNSUPPORTED_OPERATION",
    });
  });

  it.each([
    [{ access_key: rootKey.access_key }, "secret_key"],
    [{ secret_key: rootKey.secret_key }, "access_key"],
  ])("needs both parts of the key or neither the first time: %j", async (data, field) => {
    await expect(mountAws().ask("write", "config/root", data)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field },
    });
  });

  it("keeps what a later write leaves out", async () => {
    const aws = mountAws();
    await aws.ask("write", "config/root", {
      ...rootKey,
      region: "eu-west-1",
      iam_endpoint: "https://iam.example.com",
    });
    const before = await aws.storage.get("config/root");
    const since = aws.iam.calls.length;
    await aws.ask("write", "config/root", { max_retries: 5 });
    expect(await aws.storage.get("config/root")).toEqual({ ...before, maxRetries: 5 });
    expect(aws.iam.calls.length).toBe(since);
    await aws.ask("write", "config/root", { iam_endpoint: "" });
    expect(await aws.storage.get("config/root")).not.toHaveProperty("iamEndpoint");
  });

  it("does not pair another access key with the stored secret", async () => {
    const aws = mountAws();
    await aws.ask("write", "config/root", rootKey);
    await expect(
      aws.ask("write", "config/root", { access_key: "AKIAOTHEROTHEROTHER0" }),
    ).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "secret_key" },
    });
  });

  it.each([
    ["access_key", "no key"],
    ["secret_key", "no secret"],
    ["iam_endpoint", "ftp://iam.example.com"],
    ["sts_endpoint", "https://user:password@sts.example.com"],
    ["max_retries", 11],
    ["region", "US EAST"],
  ])("refuses a bad %s", async (field, value) => {
    const error = await mountAws()
      .ask("write", "config/root", { ...rootKey, [field]: value })
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "INVALID_FIELD", details: { field } });
    if (field === "secret_key") expect(String(error)).not.toContain(value);
  });

  it.each([
    ["role_arn", "arn:aws:iam::111122223333:user/ci", {}],
    ["role_arn", "arn:aws-cn:iam::111122223333:role/ci", {}],
    ["region", "nowhere", {}],
    ["external_id", "a", { role_arn: "arn:aws:iam::111122223333:role/ci" }],
    ["external_id", "outside", {}],
    ["username_template", "ci-{{nobody}}", {}],
    ["user_headroom", 5001, {}],
    ["rotation_period", "30s", {}],
    ["rotation_period", "1h", { role_arn: "arn:aws:iam::111122223333:role/ci" }],
    ["validate", "perhaps", {}],
  ])("refuses %s=%s", async (field, value, others) => {
    const aws = mountAws();
    await expect(
      aws.ask("write", "config/root", { ...rootKey, ...others, [field]: value }),
    ).rejects.toMatchObject({ code: "INVALID_FIELD", details: { field } });
    expect(await aws.storage.get("config/root")).toBeUndefined();
  });

  it("stores nothing where AWS does not accept the key", async () => {
    const aws = mountAws();
    for (const code of ["InvalidClientTokenId", "SignatureDoesNotMatch"]) {
      aws.iam.knobs.fault = () => awsFailure("refused", code, "The security token is invalid.");
      await expect(aws.ask("write", "config/root", rootKey)).rejects.toMatchObject({
        code: "BACKEND_REFUSED",
        message: expect.stringMatching(new RegExp(`^Nothing was stored: .*${code}.*validate=false`)),
        details: { aws_code: code },
      });
    }
    expect(await aws.storage.get("config/root")).toBeUndefined();
  });

  it("stores nothing where AWS cannot be reached, but with validate=false", async () => {
    const aws = mountAws();
    aws.iam.knobs.fault = () => awsFailure("unknown", "ECONNREFUSED", "connect ECONNREFUSED");
    await expect(aws.ask("write", "config/root", rootKey)).rejects.toMatchObject({
      code: "BACKEND_UNAVAILABLE",
      message: expect.stringMatching(/Nothing was stored.*ECONNREFUSED.*validate=false/),
    });
    expect(await aws.storage.get("config/root")).toBeUndefined();
    const since = aws.iam.calls.length;
    expect(await aws.ask("write", "config/root", { ...rootKey, validate: false })).toEqual({ warnings: [] });
    expect(aws.iam.calls.length).toBe(since);
    expect(await aws.storage.get("config/root")).toMatchObject({ accessKey: rootKey.access_key });
  });

  it("names users by its template", async () => {
    const aws = mountAws();
    await aws.ask("write", "config/root", { ...rootKey, username_template: "ci-{{role}}" });
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    const { input } = await aws.issueOf("deploy");
    expect(input).toMatchObject({ root: { usernameTemplate: "ci-{{role}}" } });
  });

  it("refuses a key of another account while leases are live, with the numbers", async () => {
    const aws = mountAws();
    await aws.ask("write", "config/root", rootKey);
    aws.iam.knobs.accountId = "999988887777";
    const other = { access_key: "AKIAOTHEROTHEROTHER0", secret_key: "other" };
    aws.live = 2;
    await expect(aws.ask("write", "config/root", other)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: expect.stringMatching(/111122223333.*999988887777.* 2 leases/s),
      details: { live_leases: "2" },
    });
    expect(await aws.storage.get("config/root")).toMatchObject({ accessKey: rootKey.access_key });
    aws.live = 0;
    await aws.ask("write", "config/root", other);
    expect(await aws.storage.get("config/root")).toMatchObject({ account: "999988887777" });
  });

  it("warns where leases are live and the account of a new key cannot be told", async () => {
    const aws = mountAws();
    await aws.ask("write", "config/root", rootKey);
    aws.iam.knobs.accountId = undefined;
    aws.live = 1;
    const other = { access_key: "AKIAOTHEROTHEROTHER0", secret_key: "other" };
    const { warnings } = await aws.ask("write", "config/root", other);
    expect(warnings).toEqual([expect.stringContaining("1 live lease")]);
  });

  it("works with a new key at once, and lets go of the old client", async () => {
    const aws = mountAws();
    await aws.ask("write", "config/root", rootKey);
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    await aws.issueOf("deploy");
    await aws.issueOf("deploy");
    expect(aws.connections).toHaveLength(2);
    await aws.ask("write", "config/root", { access_key: "AKIAOTHEROTHEROTHER0", secret_key: "other" });
    const closed = aws.iam.closed();
    await aws.issueOf("deploy");
    expect(aws.connections.at(-1)).toMatchObject({ accessKey: "AKIAOTHEROTHEROTHER0" });
    expect(aws.iam.closed()).toBe(closed + 1);
    aws.close();
    expect(aws.iam.closed()).toBe(closed + 2);
  });
});

describe("the path config/lease", () => {
  it("reads the defaults before anything was written", async () => {
    expect(await mountAws().ask("read", "config/lease")).toEqual({
      data: { lease: 0, lease_max: 0, deadmans_switch_grace: 120 },
    });
  });

  it("keeps what a write leaves out, and takes away what is 0", async () => {
    const aws = mountAws();
    await aws.ask("write", "config/lease", { lease: "30m", lease_max: 3600 });
    await aws.ask("write", "config/lease", { lease: "10m" });
    expect(await aws.ask("read", "config/lease")).toEqual({
      data: { lease: 600, lease_max: 3600, deadmans_switch_grace: 120 },
    });
    await aws.ask("write", "config/lease", { lease_max: 0 });
    expect(await aws.ask("read", "config/lease")).toEqual({
      data: { lease: 600, lease_max: 0, deadmans_switch_grace: 120 },
    });
  });

  it("takes a grace for the dead man's switch, from a second to a day, and goes back to the default at 0", async () => {
    const aws = mountAws();
    await aws.ask("write", "config/lease", { deadmans_switch_grace: "10m" });
    expect(await aws.ask("read", "config/lease")).toMatchObject({ data: { deadmans_switch_grace: 600 } });
    for (const grace of ["500ms", "25h"]) {
      await expect(aws.ask("write", "config/lease", { deadmans_switch_grace: grace })).rejects.toMatchObject({
        code: "INVALID_FIELD",
        details: { field: "deadmans_switch_grace" },
      });
    }
    await aws.ask("write", "config/lease", { deadmans_switch_grace: 0 });
    expect(await aws.ask("read", "config/lease")).toMatchObject({ data: { deadmans_switch_grace: 120 } });
  });

  it("refuses a lease above its maximum", async () => {
    await expect(
      mountAws().ask("write", "config/lease", { lease: "2h", lease_max: "1h" }),
    ).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "lease" },
    });
  });
});
