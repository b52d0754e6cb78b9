import {
  AddUserToGroupCommand,
  AttachUserPolicyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreateUserCommand,
  GetAccountSummaryCommand,
  GetUserCommand,
  ListUsersCommand,
  PutUserPolicyCommand,
  TagUserCommand,
  UpdateUserCommand,
} from "@aws-sdk/client-iam";
import { describe, expect, it } from "vitest";
import { policyText, RunningSimulator } from "./running-simulator.ts";

const limit = { name: expect.stringMatching(/^LimitExceeded/), $metadata: { httpStatusCode: 409 } };
const invalid = { name: "ValidationError", $metadata: { httpStatusCode: 400 } };

/** A policy of exactly so many characters, white space not counted. */
function policyOf(chars: number): string {
  const bare = policyText([{ Sid: "", Effect: "Allow", Action: "ec2:*", Resource: "*" }]);
  return bare.replace('"Sid":""', `"Sid":"${"a".repeat(chars - bare.length)}"`);
}

describe("the AWS simulator's quotas", () => {
  it("bound the users of an account", async () => {
    const { iam } = await RunningSimulator.start({ quotas: { users: 2 } });
    await iam.send(new CreateUserCommand({ UserName: "second" }));
    await expect(iam.send(new CreateUserCommand({ UserName: "third" }))).rejects.toMatchObject({
      ...limit,
      message: "Cannot exceed quota for UsersPerAccount: 2",
    });
    const { SummaryMap } = await iam.send(new GetAccountSummaryCommand({}));
    expect(SummaryMap).toMatchObject({ Users: 2, UsersQuota: 2, AccessKeysPerUserQuota: 2 });
  });

  it("bound all inline policies of a user together to 2,048 characters, white space not counted", async () => {
    const { iam } = await RunningSimulator.start();
    await iam.send(new CreateUserCommand({ UserName: "ada" }));
    const put = (PolicyName: string, PolicyDocument: string) =>
      iam.send(new PutUserPolicyCommand({ UserName: "ada", PolicyName, PolicyDocument }));
    await put("one", policyOf(1024));
    await put("two", policyOf(1024).replaceAll(",", ",\n     "));
    await put("two", policyOf(1000));
    await expect(put("two", policyOf(1025))).rejects.toMatchObject({
      ...limit,
      message: "Maximum policy size of 2048 bytes exceeded for user ada",
    });
    await expect(put("three", policyOf(100))).rejects.toMatchObject(limit);
  });

  it("bound a managed policy to 6,144 characters", async () => {
    const { iam } = await RunningSimulator.start();
    const create = (PolicyName: string, chars: number) =>
      iam.send(new CreatePolicyCommand({ PolicyName, PolicyDocument: policyOf(chars) }));
    await create("full", 6144);
    await expect(create("over", 6145)).rejects.toMatchObject(limit);
  });

  it("bound groups and attached policies of a user to ten", async () => {
    const { iam } = await RunningSimulator.start();
    const UserName = "ada";
    await iam.send(new CreateUserCommand({ UserName }));
    const join = async (index: number) => {
      await iam.send(new CreateGroupCommand({ GroupName: `g${index}` }));
      await iam.send(new AddUserToGroupCommand({ UserName, GroupName: `g${index}` }));
    };
    const attach = async (index: number) => {
      const policy = { PolicyName: `p${index}`, PolicyDocument: policyOf(100) };
      const { Policy } = await iam.send(new CreatePolicyCommand(policy));
      await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn: Policy?.Arn }));
    };
    for (let index = 1; index <= 10; index += 1) {
      await join(index);
      await attach(index);
    }
    await expect(join(11)).rejects.toMatchObject({
      ...limit,
      message: "Cannot exceed quota for GroupsPerUser: 10",
    });
    await expect(attach(11)).rejects.toMatchObject({
      ...limit,
      message: "Cannot exceed quota for PoliciesPerUser: 10",
    });
  });

  it("bound the tags of a user to fifty", async () => {
    const { iam } = await RunningSimulator.start();
    const tags = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => ({ Key: `k${from + index}`, Value: "v" }));
    await expect(
      iam.send(new CreateUserCommand({ UserName: "ada", Tags: tags(0, 51) })),
    ).rejects.toMatchObject(invalid);
    await iam.send(new CreateUserCommand({ UserName: "ada", Tags: tags(0, 50) }));
    await iam.send(new TagUserCommand({ UserName: "ada", Tags: tags(0, 50) }));
    await expect(iam.send(new TagUserCommand({ UserName: "ada", Tags: tags(50, 51) }))).rejects.toMatchObject(
      limit,
    );
  });
});

describe("the AWS simulator's checks of parameters", () => {
  it.each([
    ["a name with other characters", { UserName: "a b" }],
    ["a name of 65 characters", { UserName: "a".repeat(65) }],
    ["no name", { UserName: undefined }],
    ["an empty name", { UserName: "" }],
    ["a path without slashes", { UserName: "ada", Path: "team" }],
    ["a path that does not end in a slash", { UserName: "ada", Path: "/team" }],
    ["a path of 513 characters", { UserName: "ada", Path: `/${"a".repeat(511)}/` }],
    ["a tag key of 129 characters", { UserName: "ada", Tags: [{ Key: "k".repeat(129), Value: "" }] }],
    ["a tag value of 257 characters", { UserName: "ada", Tags: [{ Key: "k", Value: "v".repeat(257) }] }],
    ["a tag with other characters", { UserName: "ada", Tags: [{ Key: "k", Value: "<>" }] }],
    ["a boundary that is no ARN", { UserName: "ada", PermissionsBoundary: "nowhere-in-particular" }],
  ])("refuse %s with ValidationError", async (_, input) => {
    const { iam } = await RunningSimulator.start();
    await expect(iam.send(new CreateUserCommand(input))).rejects.toMatchObject(invalid);
  });

  it.each([
    [
      "the same tag key twice, in whatever case",
      [
        { Key: "Team", Value: "a" },
        { Key: "team", Value: "b" },
      ],
    ],
    ["a tag key reserved for AWS", [{ Key: "aws:team", Value: "a" }]],
  ])("refuse %s with InvalidInput", async (_, Tags) => {
    const { iam } = await RunningSimulator.start();
    await expect(iam.send(new CreateUserCommand({ UserName: "ada", Tags }))).rejects.toMatchObject({
      name: expect.stringMatching(/^InvalidInput/),
    });
  });

  it("refuse a page of none, of too many, and a marker nobody gave", async () => {
    const { iam } = await RunningSimulator.start();
    for (const page of [{ MaxItems: 0 }, { MaxItems: 1001 }, { Marker: "made-up" }]) {
      await expect(iam.send(new ListUsersCommand(page))).rejects.toMatchObject(invalid);
    }
  });
});

describe("the AWS simulator's users", () => {
  it("are found by a name in any case, and keep the case they were created in", async () => {
    const { iam } = await RunningSimulator.start();
    await iam.send(new CreateUserCommand({ UserName: "Ada" }));
    const { User } = await iam.send(new GetUserCommand({ UserName: "aDA" }));
    expect(User?.UserName).toBe("Ada");
    await expect(iam.send(new CreateUserCommand({ UserName: "ADA" }))).rejects.toMatchObject({
      name: expect.stringMatching(/^EntityAlreadyExists/),
    });
  });

  it("keep their keys through a change of name and path", async () => {
    const running = await RunningSimulator.start();
    const key = await running.createUser("ada", [{ Effect: "Allow", Action: "iam:GetUser", Resource: "*" }]);
    await running.iam.send(new UpdateUserCommand({ UserName: "ada", NewUserName: "eve", NewPath: "/new/" }));
    const { User } = await running.iamAs(key).send(new GetUserCommand({}));
    expect(User?.Arn).toBe("arn:aws:iam::123456789012:user/new/eve");
    await expect(running.iam.send(new GetUserCommand({ UserName: "ada" }))).rejects.toMatchObject({
      name: expect.stringMatching(/^NoSuchEntity/),
      message: "The user with name ada cannot be found.",
    });
  });
});
