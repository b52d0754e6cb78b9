import {
  AddUserToGroupCommand,
  AttachUserPolicyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreateUserCommand,
  GetUserCommand,
  ListUsersCommand,
  PutGroupPolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  SimulatePrincipalPolicyCommand,
  TagUserCommand,
} from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { describe, expect, it } from "vitest";
import { policyText, RunningSimulator } from "./running-simulator.ts";

const account = "arn:aws:iam::123456789012";
const allow = (Action: string | string[], more: object = {}) => ({
  Effect: "Allow",
  Action,
  Resource: "*",
  ...more,
});
const deny = (Action: string | string[], more: object = {}) => ({ ...allow(Action, more), Effect: "Deny" });
const denied = { name: expect.stringMatching(/^AccessDenied/), $metadata: { httpStatusCode: 403 } };

describe("the AWS simulator's permissions", () => {
  it("allow nothing without a policy, in AWS's words", async () => {
    const running = await RunningSimulator.start();
    const iam = running.iamAs(await running.createUser("ada"));
    await expect(iam.send(new CreateUserCommand({ UserName: "bob", Path: "/team/" }))).rejects.toMatchObject({
      ...denied,
      message: `User: ${account}:user/ada is not authorized to perform: iam:CreateUser on resource: ${account}:user/team/bob because no identity-based policy allows the iam:CreateUser action`,
    });
  });

  it("let an explicit Deny win, in AWS's words", async () => {
    const running = await RunningSimulator.start();
    const iam = running.iamAs(await running.createUser("ada", [allow("*"), deny("iam:List*")]));
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject({
      ...denied,
      message: `User: ${account}:user/ada is not authorized to perform: iam:ListUsers on resource: ${account}:user/ with an explicit deny in an identity-based policy`,
    });
    await expect(iam.send(new GetUserCommand({}))).resolves.toBeDefined();
  });

  it("can be asked for without doing anything", async () => {
    const running = await RunningSimulator.start();
    const actions = ["iam:SimulatePrincipalPolicy", "iam:Create*"];
    const iam = running.iamAs(await running.createUser("ada", [allow(actions), deny("iam:CreateGroup")]));
    const ask = (PolicySourceArn: string) =>
      iam.send(
        new SimulatePrincipalPolicyCommand({
          PolicySourceArn,
          ActionNames: ["iam:CreateUser", "iam:CreateGroup", "iam:DeleteUser"],
          ResourceArns: [`${account}:user/team/bob`],
        }),
      );
    const { EvaluationResults = [] } = await ask(`${account}:user/ada`);
    expect(
      EvaluationResults.map(({ EvalActionName, EvalDecision }) => [EvalActionName, EvalDecision]),
    ).toEqual([
      ["iam:CreateUser", "allowed"],
      ["iam:CreateGroup", "explicitDeny"],
      ["iam:DeleteUser", "implicitDeny"],
    ]);
    await expect(ask(`${account}:user/nobody`)).rejects.toMatchObject({
      name: expect.stringMatching(/^NoSuchEntity/),
    });
    await expect(ask(`${account}:policy/thing`)).rejects.toMatchObject({
      name: expect.stringMatching(/^InvalidInput/),
    });
  });

  it("end by themselves at a Deny that begins at a time", async () => {
    const running = await RunningSimulator.start();
    const end = new Date(running.nowMs() + 60_000).toISOString();
    const guard = deny("*", { Condition: { DateGreaterThan: { "aws:CurrentTime": end } } });
    const key = await running.createUser("leased", [allow("iam:GetUser"), guard]);
    const iam = running.iamAs(key);
    await expect(iam.send(new GetUserCommand({}))).resolves.toBeDefined();
    running.advance(61_000);
    await expect(iam.send(new GetUserCommand({}))).rejects.toMatchObject({
      ...denied,
      message: expect.stringContaining("with an explicit deny"),
    });
  });

  it("never keep a caller from learning who it is", async () => {
    const running = await RunningSimulator.start();
    const key = await running.createUser("ada", [deny("*")]);
    const identity = await running.stsAs(key).send(new GetCallerIdentityCommand({}));
    expect(identity.Arn).toBe(`${account}:user/ada`);
  });

  it("come from inline, attached and group policies together", async () => {
    const running = await RunningSimulator.start();
    const key = await running.createUser("ada", [allow("iam:GetUser")]);
    const iam = running.iamAs(key);
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject(denied);
    const { Policy } = await running.iam.send(
      new CreatePolicyCommand({
        PolicyName: "listing",
        PolicyDocument: policyText([allow("iam:ListUsers")]),
      }),
    );
    await running.iam.send(new AttachUserPolicyCommand({ UserName: "ada", PolicyArn: Policy?.Arn }));
    await expect(iam.send(new ListUsersCommand({}))).resolves.toBeDefined();

    await expect(iam.send(new CreateUserCommand({ UserName: "bob" }))).rejects.toMatchObject(denied);
    await running.iam.send(new CreateGroupCommand({ GroupName: "makers" }));
    await running.iam.send(
      new PutGroupPolicyCommand({
        GroupName: "makers",
        PolicyName: "make",
        PolicyDocument: policyText([allow("iam:CreateUser")]),
      }),
    );
    await running.iam.send(new AddUserToGroupCommand({ GroupName: "makers", UserName: "ada" }));
    await expect(iam.send(new CreateUserCommand({ UserName: "bob" }))).resolves.toBeDefined();
  });

  it("are cut to a permissions boundary", async () => {
    const running = await RunningSimulator.start();
    const key = await running.createUser("ada", [allow("*")]);
    const { Policy } = await running.iam.send(
      new CreatePolicyCommand({ PolicyName: "edge", PolicyDocument: policyText([allow("iam:GetUser")]) }),
    );
    await running.iam.send(
      new PutUserPermissionsBoundaryCommand({ UserName: "ada", PermissionsBoundary: Policy?.Arn }),
    );
    const iam = running.iamAs(key);
    await expect(iam.send(new GetUserCommand({}))).resolves.toMatchObject({
      User: { PermissionsBoundary: { PermissionsBoundaryArn: Policy?.Arn } },
    });
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject({
      message: expect.stringContaining("because no permissions boundary allows the iam:ListUsers action"),
    });
  });

  it("reach as far as the resource patterns, policy variables included", async () => {
    const running = await RunningSimulator.start();
    const own = `${account}:user/$\{aws:username}`;
    const key = await running.createUser("ada", [
      allow("iam:*", { Resource: [`${account}:user/team/*`, own] }),
    ]);
    const iam = running.iamAs(key);
    await expect(iam.send(new CreateUserCommand({ UserName: "bob", Path: "/team/" }))).resolves.toBeDefined();
    await expect(iam.send(new CreateUserCommand({ UserName: "eve", Path: "/other/" }))).rejects.toMatchObject(
      denied,
    );
    await expect(iam.send(new GetUserCommand({ UserName: "ada" }))).resolves.toBeDefined();
    await expect(iam.send(new ListUsersCommand({ PathPrefix: "/team/" }))).resolves.toBeDefined();
    await expect(iam.send(new ListUsersCommand({}))).rejects.toMatchObject(denied);
  });

  it("turn on NotAction and NotResource", async () => {
    const running = await RunningSimulator.start();
    const iam = running.iamAs(
      await running.createUser("ada", [
        { Effect: "Allow", NotAction: "iam:CreateUser", NotResource: `${account}:user/secret/*` },
      ]),
    );
    await expect(iam.send(new GetUserCommand({}))).resolves.toBeDefined();
    await expect(iam.send(new CreateUserCommand({ UserName: "bob" }))).rejects.toMatchObject(denied);
    await expect(iam.send(new ListUsersCommand({ PathPrefix: "/secret/" }))).rejects.toMatchObject(denied);
  });

  it("want iam:TagUser as well for tags given to CreateUser", async () => {
    const running = await RunningSimulator.start();
    const key = await running.createUser("ada", [allow("iam:CreateUser")]);
    const create = new CreateUserCommand({ UserName: "bob", Tags: [{ Key: "team", Value: "red" }] });
    await expect(running.iamAs(key).send(create)).rejects.toMatchObject({
      message: expect.stringContaining("iam:TagUser"),
    });
  });

  it("can hang on tags of the request, of the resource and of the caller", async () => {
    const running = await RunningSimulator.start();
    const key = await running.createUser("ada", [
      allow(["iam:CreateUser", "iam:TagUser"], {
        Condition: {
          StringEquals: { "aws:RequestTag/team": `$\{aws:PrincipalTag/team}` },
          "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] },
        },
      }),
      allow("iam:GetUser", { Condition: { StringEquals: { "iam:ResourceTag/team": "red" } } }),
    ]);
    await running.iam.send(new TagUserCommand({ UserName: "ada", Tags: [{ Key: "team", Value: "red" }] }));
    const iam = running.iamAs(key);
    const create = (UserName: string, ...tags: [string, string][]) =>
      iam.send(new CreateUserCommand({ UserName, Tags: tags.map(([Key, Value]) => ({ Key, Value })) }));
    await expect(create("red", ["team", "red"])).resolves.toBeDefined();
    await expect(create("blue", ["team", "blue"])).rejects.toMatchObject(denied);
    await expect(create("more", ["team", "red"], ["x", "y"])).rejects.toMatchObject(denied);
    await expect(iam.send(new GetUserCommand({ UserName: "red" }))).resolves.toBeDefined();
    await expect(iam.send(new GetUserCommand({ UserName: "leasehold-admin" }))).rejects.toMatchObject(denied);
  });

  it("can hang on the policy that is attached and the boundary that is set", async () => {
    const running = await RunningSimulator.start();
    const readOnly = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";
    const key = await running.createUser("ada", [
      allow("iam:AttachUserPolicy", { Condition: { ArnEquals: { "iam:PolicyARN": readOnly } } }),
      allow("iam:CreateUser", { Condition: { StringEquals: { "iam:PermissionsBoundary": readOnly } } }),
    ]);
    const iam = running.iamAs(key);
    const attach = (PolicyArn: string) =>
      iam.send(new AttachUserPolicyCommand({ UserName: "ada", PolicyArn }));
    await expect(attach("arn:aws:iam::aws:policy/AdministratorAccess")).rejects.toMatchObject(denied);
    await expect(attach(readOnly)).resolves.toBeDefined();
    await expect(iam.send(new CreateUserCommand({ UserName: "free" }))).rejects.toMatchObject(denied);
    await expect(
      iam.send(new CreateUserCommand({ UserName: "bound", PermissionsBoundary: readOnly })),
    ).resolves.toBeDefined();
  });

  it("change with the policy at the very next call", async () => {
    const running = await RunningSimulator.start();
    const iam = running.iamAs(await running.createUser("ada", [allow("iam:GetUser")]));
    await expect(iam.send(new GetUserCommand({}))).resolves.toBeDefined();
    const PolicyDocument = policyText([deny("*")]);
    await running.iam.send(
      new PutUserPolicyCommand({ UserName: "ada", PolicyName: "given", PolicyDocument }),
    );
    await expect(iam.send(new GetUserCommand({}))).rejects.toMatchObject(denied);
  });
});
