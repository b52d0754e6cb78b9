import { describe, expect, it } from "vitest";
import { awsFailure } from "../../kit/fake-iam.ts";
import { mountAws, rootKey, tutorialPolicy } from "./mounted-aws.ts";

async function configured() {
  const aws = mountAws();
  await aws.ask("write", "config/root", rootKey);
  return aws;
}

describe("the path creds/:name", () => {
  it("says what to write where there is no root key, also when there is no role either", async () => {
    const aws = mountAws();
    await expect(aws.ask("read", "creds/deploy")).rejects.toMatchObject({
      code: "NOT_CONFIGURED",
      message: expect.stringContaining('"access_key" and "secret_key" to "aws/config/root"'),
    });
  });

  it("names a role that is not there, and where to list those that are", async () => {
    const aws = await configured();
    await expect(aws.ask("read", "creds/deplyo")).rejects.toMatchObject({
      code: "NO_SUCH_ROLE",
      message: expect.stringMatching(/"deplyo".*"aws\/roles\/"/),
      details: { role: "deplyo" },
    });
  });

  it("asks for an IAM user, with all that is said about TTLs", async () => {
    const aws = await configured();
    await aws.ask("write", "roles/deploy", {
      policy_document: tutorialPolicy,
      default_ttl: "30m",
      max_ttl: "2h",
    });
    await aws.ask("write", "config/lease", { lease: "1h", lease_max: "4h" });
    expect(await aws.issueOf("deploy", { ttl: "10m" })).toMatchObject({
      secretType: "iam_user",
      role: "deploy",
      ttl: {
        requestMs: 600_000,
        roleMs: 1_800_000,
        roleMaxMs: 7_200_000,
        backendMs: 3_600_000,
        backendMaxMs: 14_400_000,
      },
    });
  });

  it("says nothing about TTLs that nobody set", async () => {
    const aws = await configured();
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    const { ttl } = await aws.issueOf("deploy");
    expect(Object.values(ttl).filter((value) => value !== undefined)).toEqual([]);
  });

  it("refuses a ttl below a second", async () => {
    const aws = await configured();
    await expect(aws.ask("read", "creds/deploy", { ttl: 0 })).rejects.toMatchObject({
      code: "INVALID_FIELD",
    });
  });

  it.each([
    ["role_arn", "arn:aws:iam::111122223333:role/x"],
    ["role_session_name", "mine"],
    ["mfa_code", "123456"],
  ])("refuses %s for a role of IAM users", async (field, value) => {
    const aws = await configured();
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    await expect(aws.ask("read", "creds/deploy", { [field]: value })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field },
    });
  });

  it("refuses to wait for a key where there is no STS to ask, and for a session", async () => {
    const aws = await configured();
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    await aws.ask("write", "roles/session", { credential_type: "session_token" });
    const waiting = { wait_for_ready: true };
    expect((await aws.issueOf("deploy", waiting)).input).toMatchObject({ probe: expect.any(Function) });
    expect((await aws.issueOf("deploy")).input).not.toMatchObject({ probe: expect.any(Function) });
    const refused = { code: "INVALID_FIELD", details: { field: "wait_for_ready" } };
    await expect(aws.ask("read", "creds/session", waiting)).rejects.toMatchObject(refused);
    await aws.ask("write", "config/root", { iam_endpoint: "http://127.0.0.1:1" });
    await expect(aws.ask("read", "creds/deploy", waiting)).rejects.toMatchObject(refused);
  });

  it("refuses a caller whose name would mean something else in the role's policy, before anything is made", async () => {
    const aws = await configured();
    await aws.ask("write", "roles/deploy", {
      policy_document: {
        Version: "2012-10-17",
        Statement: { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::home/{{caller.name}}*" },
      },
    });
    for (const name of ["", "x".repeat(129), "*".repeat(33), "\u4e2d", "a\nb"]) {
      aws.caller = { id: "c", name, policies: [], metadata: {} };
      await expect(aws.ask("read", "creds/deploy")).rejects.toMatchObject({
        code: "INVALID_POLICY",
        details: { variable: "caller.name", role: "deploy" },
      });
    }
    aws.caller = { id: "c", name: "Ann *", policies: [], metadata: {} };
    await aws.issueOf("deploy");
  });

  it("refuses a role whose policy was stored before there were variables, and has one that is none", async () => {
    const aws = await configured();
    const statement = { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::{{bucket}}" };
    const document = { Version: "2012-10-17", Statement: [statement] };
    await aws.storage.put("roles/deploy", { credentialType: "iam_user", document });
    await expect(aws.ask("read", "creds/deploy")).rejects.toMatchObject({
      code: "INVALID_POLICY",
      details: { variable: "bucket" },
    });
  });

  it("takes the fields of a write as well", async () => {
    const aws = await configured();
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    expect((await aws.ask("write", "creds/deploy", { ttl: "10m" })).issue?.ttl.requestMs).toBe(600_000);
  });

  it("refuses names that no role can have", async () => {
    const aws = await configured();
    await expect(aws.ask("read", "creds/a b")).rejects.toMatchObject({ code: "INVALID_FIELD" });
  });

  it("learns the account at the first issue where the write could not, and keeps it", async () => {
    const aws = mountAws();
    aws.iam.knobs.fault = () => awsFailure("unknown", "ECONNREFUSED");
    await aws.ask("write", "config/root", { ...rootKey, validate: false });
    aws.iam.knobs.fault = () => undefined;
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    const since = aws.iam.calls.length;
    const { input } = await aws.issueOf("deploy");
    await aws.issueOf("deploy");
    expect(aws.iam.waves(since)).toEqual([["accountId"]]);
    expect(await aws.storage.get("config/root")).toMatchObject({ account: "111122223333" });
    const ids = {
      leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
      leaseId: "",
      accessor: "",
      role: "deploy",
    };
    expect(aws.userType.plan(input, ids)).toMatchObject({ account: "111122223333" });
  });

  it("issues without the account where the endpoint has no STS, and asks once a minute at most", async () => {
    const aws = mountAws();
    aws.iam.knobs.accountId = undefined;
    await aws.ask("write", "config/root", rootKey);
    await aws.ask("write", "roles/deploy", { policy_document: tutorialPolicy });
    const since = aws.iam.calls.length;
    const { input } = await aws.issueOf("deploy");
    await aws.issueOf("deploy");
    expect(aws.iam.calls.length - since).toBe(1);
    aws.clock.advance(61_000);
    await aws.issueOf("deploy");
    expect(aws.iam.calls.length - since).toBe(2);
    const ids = {
      leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
      leaseId: "",
      accessor: "",
      role: "deploy",
    };
    expect(aws.userType.plan(input, ids)).toMatchObject({ root: rootKey.access_key });
  });
});
