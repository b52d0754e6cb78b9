import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AddUserToGroupCommand,
  AttachUserPolicyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  DeleteAccessKeyCommand,
  DeletePolicyCommand,
  GetGroupCommand,
  GetUserCommand,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { describe, expect, it, onTestFinished } from "vitest";
import { startSimulator, tutorialKey } from "../../../src/dev/simulator/simulator.ts";
import { policyText, RunningSimulator } from "./running-simulator.ts";

async function snapshotFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "simulator-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, "aws.json");
}

const allow = (Action: string) => ({ Effect: "Allow", Action, Resource: "*" });

describe("a snapshot of the AWS simulator", () => {
  it("brings users, keys, policies, groups, roles and sessions through a restart", async () => {
    const file = await snapshotFile();
    const before = await RunningSimulator.start({ snapshotFile: file });
    const key = await before.createUser("ada", [allow("iam:GetUser")]);
    const { Policy } = await before.iam.send(
      new CreatePolicyCommand({ PolicyName: "shared", PolicyDocument: policyText([allow("iam:GetGroup")]) }),
    );
    await before.iam.send(new AttachUserPolicyCommand({ UserName: "ada", PolicyArn: Policy?.Arn }));
    await before.iam.send(new CreateGroupCommand({ GroupName: "crew" }));
    await before.iam.send(new AddUserToGroupCommand({ UserName: "ada", GroupName: "crew" }));
    const trust = { Effect: "Allow", Principal: { AWS: "123456789012" }, Action: "sts:AssumeRole" };
    const role = { RoleName: "reader", AssumeRolePolicyDocument: policyText([trust]) };
    const { Role } = await before.iam.send(new CreateRoleCommand(role));
    const assume = new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "s1" });
    const { Credentials } = await before.sts.send(assume);
    await before.stop();

    const after = await RunningSimulator.start({ snapshotFile: file });
    const iam = after.iamAs(key);
    expect((await iam.send(new GetUserCommand({}))).User?.UserName).toBe("ada");
    const crew = await iam.send(new GetGroupCommand({ GroupName: "crew" }));
    expect(crew.Users?.map((user) => user.UserName)).toEqual(["ada"]);
    await expect(after.iam.send(new DeletePolicyCommand({ PolicyArn: Policy?.Arn }))).rejects.toMatchObject({
      name: expect.stringMatching(/^DeleteConflict/),
    });
    const session = after.stsAs({
      accessKeyId: Credentials?.AccessKeyId ?? "",
      secretAccessKey: Credentials?.SecretAccessKey ?? "",
      sessionToken: Credentials?.SessionToken ?? "",
    });
    const identity = await session.send(new GetCallerIdentityCommand({}));
    expect(identity.Arn).toContain("assumed-role/reader/s1");
  });

  it("does not bring back an administrator's key that was rotated away", async () => {
    const file = await snapshotFile();
    const before = await RunningSimulator.start({ snapshotFile: file });
    const key = await before.createKey("leasehold-admin");
    const old = { UserName: "leasehold-admin", AccessKeyId: tutorialKey.accessKeyId };
    await before.iamAs(key).send(new DeleteAccessKeyCommand(old));
    await before.stop();
    const after = await RunningSimulator.start({ snapshotFile: file });
    await expect(after.iam.send(new GetUserCommand({}))).rejects.toMatchObject({
      name: "InvalidClientTokenId",
    });
    await expect(after.iamAs(key).send(new GetUserCommand({}))).resolves.toBeDefined();
  });

  it("is written soon after a change and on request, readable by its owner alone, with nothing left beside it", async () => {
    const file = await snapshotFile();
    const running = await RunningSimulator.start({ snapshotFile: file });
    await running.createUser("ada");
    expect((await running.control("POST", "snapshot")).body).toEqual({ written: true });
    expect(await readFile(file, "utf8")).toContain('"ada"');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await running.createUser("bob");
    await expect.poll(() => readFile(file, "utf8"), { timeout: 5000 }).toContain('"bob"');
    await running.simulator.close();
    expect(await readdir(join(file, ".."))).toEqual(["aws.json"]);
  });

  it("is refused, and left alone, when it is none or of another account", async () => {
    const file = await snapshotFile();
    for (const text of ["{", '{"format":2}', "null", '{"format":1,"accountId":"123456789012","users":[]}']) {
      await writeFile(file, text);
      await expect(startSimulator({ snapshotFile: file })).rejects.toThrow(/snapshot of the AWS simulator/);
      expect(await readFile(file, "utf8")).toBe(text);
    }
    await rm(file);
    await (await startSimulator({ snapshotFile: file })).close();
    const other = startSimulator({ snapshotFile: file, accountId: "210987654321" });
    await expect(other).rejects.toThrow('is of account "123456789012", not "210987654321"');
  });
});
