import {
  CreateRoleCommand,
  CreateVirtualMFADeviceCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  EnableMFADeviceCommand,
  GetUserCommand,
  ListUsersCommand,
  PutRolePolicyCommand,
  UpdateAssumeRolePolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AssumeRoleCommand,
  type Credentials,
  GetCallerIdentityCommand,
  GetFederationTokenCommand,
  GetSessionTokenCommand,
} from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { totpCode } from "../../../src/dev/simulator/totp.ts";
import { type ClientKey, policyText, RunningSimulator } from "./running-simulator.ts";

const account = "arn:aws:iam::123456789012";
const allow = (Action: string | string[]) => ({ Effect: "Allow", Action, Resource: "*" });
const denied = { name: expect.stringMatching(/^AccessDenied/) };

function keyOf(credentials: Credentials | undefined): ClientKey {
  return {
    accessKeyId: credentials?.AccessKeyId ?? "",
    secretAccessKey: credentials?.SecretAccessKey ?? "",
    sessionToken: credentials?.SessionToken ?? "",
  };
}

function trusting(principal: string, more: object = {}): string {
  const statement = { Effect: "Allow", Principal: { AWS: principal }, Action: "sts:AssumeRole", ...more };
  return policyText([statement]);
}

async function createRole(running: RunningSimulator, trust = trusting(`${account}:root`)) {
  await running.iam.send(new CreateRoleCommand({ RoleName: "reader", AssumeRolePolicyDocument: trust }));
  const policy = { RoleName: "reader", PolicyName: "read", PolicyDocument: policyText([allow("iam:*")]) };
  await running.iam.send(new PutRolePolicyCommand(policy));
}

const assume = (more: object = {}) =>
  new AssumeRoleCommand({ RoleArn: `${account}:role/reader`, RoleSessionName: "s1", ...more });

describe("AssumeRole", () => {
  it("hands out a session of the role that ends by itself", async () => {
    const running = await RunningSimulator.start();
    await createRole(running);
    const { Credentials, AssumedRoleUser } = await running.sts.send(assume({ DurationSeconds: 900 }));
    expect(Credentials?.AccessKeyId).toMatch(/^ASIA[A-Z0-9]{16}$/);
    expect(AssumedRoleUser?.AssumedRoleId).toMatch(/^AROA[A-Z0-9]{17}:s1$/);
    const key = keyOf(Credentials);
    const identity = await running.stsAs(key).send(new GetCallerIdentityCommand({}));
    expect(identity.Arn).toBe("arn:aws:sts::123456789012:assumed-role/reader/s1");
    expect(identity.UserId).toBe(AssumedRoleUser?.AssumedRoleId);
    const iam = running.iamAs(key);
    await expect(iam.send(new ListUsersCommand({}))).resolves.toBeDefined();
    running.advance(901_000);
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject({ name: "ExpiredToken" });
  });

  it("wants the session token with every call", async () => {
    const running = await RunningSimulator.start();
    await createRole(running);
    const { Credentials } = await running.sts.send(assume());
    const { accessKeyId, secretAccessKey } = keyOf(Credentials);
    for (const key of [
      { accessKeyId, secretAccessKey },
      { accessKeyId, secretAccessKey, sessionToken: "x" },
    ]) {
      const call = running.stsAs(key).send(new GetCallerIdentityCommand({}));
      await expect(call).rejects.toMatchObject({ name: "InvalidClientTokenId" });
    }
  });

  it("cuts the session to a session policy", async () => {
    const running = await RunningSimulator.start();
    await createRole(running);
    const { Credentials } = await running.sts.send(assume({ Policy: policyText([allow("iam:GetUser")]) }));
    const iam = running.iamAs(keyOf(Credentials));
    await expect(iam.send(new GetUserCommand({ UserName: "leasehold-admin" }))).resolves.toBeDefined();
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject({
      message: expect.stringContaining("because no session policy allows the iam:ListUsers action"),
    });
  });

  it("is cut off by a Deny on the role for older sessions or for one of them", async () => {
    const running = await RunningSimulator.start();
    await createRole(running);
    const first = await running.sts.send(assume());
    const iam = running.iamAs(keyOf(first.Credentials));
    const put = (Condition: object) =>
      running.iam.send(
        new PutRolePolicyCommand({
          RoleName: "reader",
          PolicyName: "cut",
          PolicyDocument: policyText([{ ...allow("*"), Effect: "Deny", Condition }]),
        }),
      );
    await put({ StringEquals: { "aws:userid": first.AssumedRoleUser?.AssumedRoleId } });
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject(denied);

    running.advance(5000);
    await put({ DateLessThan: { "aws:TokenIssueTime": new Date(running.nowMs()).toISOString() } });
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject(denied);
    running.advance(5000);
    const second = await running.sts.send(assume());
    await expect(
      running.iamAs(keyOf(second.Credentials)).send(new ListUsersCommand({})),
    ).resolves.toBeDefined();
  });

  it("needs the caller's permission where the role trusts the account, and none where it trusts the caller", async () => {
    const running = await RunningSimulator.start();
    await createRole(running);
    const sts = running.stsAs(await running.createUser("ada"));
    await expect(sts.send(assume())).rejects.toMatchObject(denied);
    await running.iam.send(new DeleteRolePolicyCommand({ RoleName: "reader", PolicyName: "read" }));
    await running.iam.send(new DeleteRoleCommand({ RoleName: "reader" }));
    await createRole(running, trusting(`${account}:user/ada`));
    await expect(sts.send(assume())).resolves.toBeDefined();
    await expect(running.sts.send(assume())).rejects.toMatchObject(denied);
  });

  it("wants the external id that the role asks for", async () => {
    const running = await RunningSimulator.start();
    const condition = { Condition: { StringEquals: { "sts:ExternalId": "blue-42" } } };
    await createRole(running, trusting(`${account}:root`, condition));
    await expect(running.sts.send(assume())).rejects.toMatchObject(denied);
    await expect(running.sts.send(assume({ ExternalId: "blue-43" }))).rejects.toMatchObject(denied);
    await expect(running.sts.send(assume({ ExternalId: "blue-42" }))).resolves.toBeDefined();
  });

  it("keeps to the role's longest session", async () => {
    const running = await RunningSimulator.start();
    await createRole(running);
    await expect(running.sts.send(assume({ DurationSeconds: 3601 }))).rejects.toMatchObject({
      name: "ValidationError",
    });
    await expect(running.sts.send(assume({ DurationSeconds: 899 }))).rejects.toMatchObject({
      name: "ValidationError",
    });
  });

  it("cuts a chain of roles to an hour, whatever the role's longest session is", async () => {
    const running = await RunningSimulator.start();
    await createRole(running);
    const AssumeRolePolicyDocument = trusting(`${account}:role/reader`);
    const long = { RoleName: "long", AssumeRolePolicyDocument, MaxSessionDuration: 43_200 };
    await running.iam.send(new CreateRoleCommand(long));
    const sts = running.stsAs(keyOf((await running.sts.send(assume())).Credentials));
    const chained = (DurationSeconds: number) =>
      sts.send(assume({ RoleArn: `${account}:role/long`, DurationSeconds }));
    await expect(chained(3601)).rejects.toMatchObject({
      name: "ValidationError",
      message: expect.stringContaining("1 hour session limit for roles assumed by role chaining"),
    });
    await expect(chained(3600)).resolves.toBeDefined();
  });

  it("takes tags only where the role trusts the caller with them", async () => {
    const running = await RunningSimulator.start();
    await createRole(running);
    const tagged = assume({ Tags: [{ Key: "team", Value: "blue" }] });
    await expect(running.sts.send(tagged)).rejects.toMatchObject({
      message: expect.stringContaining("is not authorized to perform: sts:TagSession"),
    });
    const both = trusting(`${account}:root`, { Action: ["sts:AssumeRole", "sts:TagSession"] });
    const update = { RoleName: "reader", PolicyDocument: both };
    await running.iam.send(new UpdateAssumeRolePolicyCommand(update));
    expect((await running.sts.send(tagged)).PackedPolicySize).toBe(1);
  });

  it("refuses policies and tags that are too large together, and too many managed policies", async () => {
    const running = await RunningSimulator.start();
    await createRole(running, trusting(`${account}:root`, { Action: "sts:*" }));
    const Tags = Array.from({ length: 20 }, (_, at) => ({ Key: `tag-${at}`, Value: "x".repeat(256) }));
    await expect(running.sts.send(assume({ Tags }))).rejects.toMatchObject({
      name: expect.stringMatching(/^PackedPolicyTooLarge/),
    });
    const PolicyArns = Array.from({ length: 11 }, () => ({ arn: "arn:aws:iam::aws:policy/ReadOnlyAccess" }));
    await expect(running.sts.send(assume({ PolicyArns }))).rejects.toMatchObject({ name: "ValidationError" });
  });

  it("does not tell a role that is missing from one that may not be assumed", async () => {
    const running = await RunningSimulator.start();
    await expect(running.sts.send(assume())).rejects.toMatchObject(denied);
  });
});

describe("GetFederationToken", () => {
  it("gives what both the user and the session policy allow, outside IAM", async () => {
    const running = await RunningSimulator.start();
    const federate = (more: object) => new GetFederationTokenCommand({ Name: "guest", ...more });
    const { Credentials, FederatedUser } = await running.sts.send(
      federate({ Policy: policyText([allow("*")]) }),
    );
    expect(FederatedUser?.Arn).toBe("arn:aws:sts::123456789012:federated-user/guest");
    const key = keyOf(Credentials);
    const identity = await running.stsAs(key).send(new GetCallerIdentityCommand({}));
    expect(identity.UserId).toBe("123456789012:guest");
    await expect(running.iamAs(key).send(new ListUsersCommand({}))).rejects.toMatchObject({
      name: "InvalidClientTokenId",
    });
    await expect(running.stsAs(key).send(federate({}))).rejects.toMatchObject(denied);
    await expect(running.sts.send(federate({ Name: "x" }))).rejects.toMatchObject({
      name: "ValidationError",
    });
  });

  it("needs the user's permission", async () => {
    const running = await RunningSimulator.start();
    const sts = running.stsAs(await running.createUser("ada"));
    await expect(sts.send(new GetFederationTokenCommand({ Name: "guest" }))).rejects.toMatchObject(denied);
  });
});

describe("GetSessionToken", () => {
  it("needs no permission, and gives a session that IAM refuses without MFA", async () => {
    const running = await RunningSimulator.start();
    const ada = await running.createUser("ada", [allow("iam:*")]);
    const { Credentials } = await running
      .stsAs(ada)
      .send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
    const key = keyOf(Credentials);
    const identity = await running.stsAs(key).send(new GetCallerIdentityCommand({}));
    expect(identity.Arn).toBe(`${account}:user/ada`);
    await expect(running.iamAs(key).send(new GetUserCommand({}))).rejects.toMatchObject({
      name: "InvalidClientTokenId",
    });
  });

  it("takes a code of the user's own MFA device, and IAM then lets the session in", async () => {
    const running = await RunningSimulator.start();
    const ada = await running.createUser("ada", [allow("iam:*")]);
    const created = await running.iam.send(
      new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "phone" }),
    );
    const SerialNumber = created.VirtualMFADevice?.SerialNumber ?? "";
    const seed = Buffer.from(running.simulator.account.mfaDevices.get(SerialNumber)?.seed ?? "", "base64");
    const code = (steps: number) => totpCode(seed, running.nowMs() + steps * 30_000);
    const enable = (AuthenticationCode1: string, AuthenticationCode2: string) =>
      running.iam.send(
        new EnableMFADeviceCommand({
          UserName: "ada",
          SerialNumber,
          AuthenticationCode1,
          AuthenticationCode2,
        }),
      );
    await expect(enable(code(5), code(6))).rejects.toMatchObject({
      name: expect.stringMatching(/^InvalidAuthenticationCode/),
    });
    await enable(code(-1), code(0));
    const sts = running.stsAs(ada);
    const open = (TokenCode: string) => sts.send(new GetSessionTokenCommand({ SerialNumber, TokenCode }));
    await expect(open(code(10))).rejects.toMatchObject(denied);
    const { Credentials } = await open(code(0));
    await expect(running.iamAs(keyOf(Credentials)).send(new GetUserCommand({}))).resolves.toBeDefined();
  });
});

describe("totpCode()", () => {
  it("gives the codes of RFC 6238's test vectors, cut to six digits", () => {
    const seed = Buffer.from("12345678901234567890");
    expect(totpCode(seed, 59_000)).toBe("287082");
    expect(totpCode(seed, 1_111_111_109_000)).toBe("081804");
  });
});
