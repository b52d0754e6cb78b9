import {
  AddUserToGroupCommand,
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteGroupCommand,
  DeletePolicyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachUserPolicyCommand,
  GetGroupCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupsForUserCommand,
  ListUserPoliciesCommand,
  ListUsersCommand,
  ListUserTagsCommand,
  PutUserPolicyCommand,
  RemoveUserFromGroupCommand,
  TagUserCommand,
  UntagUserCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  allowEc2,
  clientOptions,
  createPolicy,
  createUser,
  expectObstacle,
  type IamEndpoint,
  type IamGap,
  refusal,
} from "./iam-endpoint.ts";

/**
 * What every IAM has in common that this project talks to: the rules the AWS backend relies on, told by AWS's own
 * client. Runs against one endpoint, which `start` brings up; tests of rules listed in `gaps` are skipped.
 */
export function iamConformance(
  name: string,
  start: () => Promise<IamEndpoint>,
  gaps: readonly IamGap[] = [],
): void {
  const unless = (gap: IamGap) => it.skipIf(gaps.includes(gap));

  describe(`${name} as an IAM`, () => {
    let server: IamEndpoint;
    let iam: IAMClient;
    let sts: STSClient;

    beforeAll(async () => {
      server = await start();
      iam = new IAMClient(clientOptions(server));
      sts = new STSClient(clientOptions(server));
    });

    afterAll(async () => {
      iam?.destroy();
      sts?.destroy();
      await server?.stop();
    });

    it("tells who the caller is", async () => {
      const identity = await sts.send(new GetCallerIdentityCommand({}));
      expect(identity.Account).toMatch(/^\d{12}$/);
      expect(identity.Arn).toMatch(/^arn:aws:/);
    });

    it("gives back a created user with its path, id, ARN and tags", async () => {
      const created = await iam.send(
        new CreateUserCommand({
          UserName: "ada",
          Path: "/conformance/",
          Tags: [{ Key: "leasehold:lease", Value: "a b:c" }],
        }),
      );
      const { User } = await iam.send(new GetUserCommand({ UserName: "ada" }));
      expect(User).toMatchObject({ UserName: "ada", Path: "/conformance/", UserId: created.User?.UserId });
      expect(User?.Arn).toMatch(/^arn:aws:iam::\d{12}:user\/conformance\/ada$/);
      expect(User?.CreateDate).toBeInstanceOf(Date);
      expect(User?.Tags).toEqual([{ Key: "leasehold:lease", Value: "a b:c" }]);
    });

    unless("id prefixes")("gives users ids that begin with AIDA", async () => {
      const { User } = await iam.send(new CreateUserCommand({ UserName: "identified" }));
      expect(User?.UserId).toMatch(/^AIDA[A-Z0-9]{17}$/);
    });

    it("refuses a second user of the same name", async () => {
      await createUser(iam, "twin");
      expect(await refusal(iam.send(new CreateUserCommand({ UserName: "twin" })))).toBe(
        "EntityAlreadyExists",
      );
    });

    it("says NoSuchEntity for a user that is not there", async () => {
      const UserName = "nobody";
      expect(await refusal(iam.send(new GetUserCommand({ UserName })))).toBe("NoSuchEntity");
      expect(await refusal(iam.send(new DeleteUserCommand({ UserName })))).toBe("NoSuchEntity");
      expect(await refusal(iam.send(new CreateAccessKeyCommand({ UserName })))).toBe("NoSuchEntity");
      expect(await refusal(iam.send(new ListAccessKeysCommand({ UserName })))).toBe("NoSuchEntity");
      const put = new PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument: allowEc2 });
      expect(await refusal(iam.send(put))).toBe("NoSuchEntity");
    });

    it("forgets a deleted user", async () => {
      const UserName = await createUser(iam, "brief");
      await iam.send(new DeleteUserCommand({ UserName }));
      expect(await refusal(iam.send(new GetUserCommand({ UserName })))).toBe("NoSuchEntity");
      expect(await refusal(iam.send(new DeleteUserCommand({ UserName })))).toBe("NoSuchEntity");
    });

    it("changes, lists and removes tags", async () => {
      const UserName = await createUser(iam, "tagged");
      const tag = (Value: string) => new TagUserCommand({ UserName, Tags: [{ Key: "expires", Value }] });
      await iam.send(tag("1"));
      await iam.send(tag("2"));
      const listed = await iam.send(new ListUserTagsCommand({ UserName }));
      expect(listed.Tags).toEqual([{ Key: "expires", Value: "2" }]);
      await iam.send(new UntagUserCommand({ UserName, TagKeys: ["expires"] }));
      expect((await iam.send(new ListUserTagsCommand({ UserName }))).Tags).toEqual([]);
    });

    it("pages through the users under a path and shows each once", async () => {
      const names = ["page-1", "page-2", "page-3", "page-4", "page-5"];
      for (const each of names) await createUser(iam, each, "/pages/");
      const seen: string[] = [];
      let reply = await iam.send(new ListUsersCommand({ PathPrefix: "/pages/", MaxItems: 2 }));
      for (let pages = 1; pages < 10; pages += 1) {
        seen.push(...(reply.Users ?? []).map((user) => user.UserName ?? ""));
        expect(reply.IsTruncated === true).toBe(reply.Marker !== undefined);
        if (reply.Marker === undefined) break;
        const { Marker } = reply;
        reply = await iam.send(new ListUsersCommand({ PathPrefix: "/pages/", MaxItems: 2, Marker }));
      }
      expect(seen.sort()).toEqual(names);
    });

    unless("page size")("puts no more on a page than was asked for", async () => {
      for (const each of ["sized-1", "sized-2", "sized-3"]) await createUser(iam, each, "/sized/");
      const reply = await iam.send(new ListUsersCommand({ PathPrefix: "/sized/", MaxItems: 2 }));
      expect(reply.Users).toHaveLength(2);
      expect(reply.IsTruncated).toBe(true);
    });

    it("stores, replaces, returns and deletes inline policies", async () => {
      const UserName = await createUser(iam, "inline");
      const put = new PutUserPolicyCommand({ UserName, PolicyName: "lease", PolicyDocument: allowEc2 });
      await iam.send(put);
      await iam.send(put);
      const got = await iam.send(new GetUserPolicyCommand({ UserName, PolicyName: "lease" }));
      expect(JSON.parse(decodeURIComponent(got.PolicyDocument ?? ""))).toEqual(JSON.parse(allowEc2));
      expect((await iam.send(new ListUserPoliciesCommand({ UserName }))).PolicyNames).toEqual(["lease"]);
      const remove = new DeleteUserPolicyCommand({ UserName, PolicyName: "lease" });
      await iam.send(remove);
      expect(await refusal(iam.send(remove))).toBe("NoSuchEntity");
      expect((await iam.send(new ListUserPoliciesCommand({ UserName }))).PolicyNames).toEqual([]);
    });

    it("refuses a policy that is no policy", async () => {
      const UserName = await createUser(iam, "malformed");
      for (const PolicyDocument of [
        "{",
        "[]",
        JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow" }] }),
      ]) {
        const put = new PutUserPolicyCommand({ UserName, PolicyName: "bad", PolicyDocument });
        expect(await refusal(iam.send(put))).toBe("MalformedPolicyDocument");
      }
    });

    it("creates a key once shown, lists it without its secret, and deletes it", async () => {
      const UserName = await createUser(iam, "keyed");
      const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
      expect(AccessKey).toMatchObject({ UserName, Status: "Active" });
      expect(AccessKey?.AccessKeyId).toMatch(/^AKIA[A-Z0-9]{16}$/);
      expect(AccessKey?.SecretAccessKey).toHaveLength(40);
      const AccessKeyId = AccessKey?.AccessKeyId ?? "";
      const listed = await iam.send(new ListAccessKeysCommand({ UserName }));
      expect(listed.AccessKeyMetadata?.map((key) => key.AccessKeyId)).toEqual([AccessKeyId]);
      await iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status: "Inactive" }));
      const inactive = await iam.send(new ListAccessKeysCommand({ UserName }));
      expect(inactive.AccessKeyMetadata?.[0]?.Status).toBe("Inactive");
      const remove = new DeleteAccessKeyCommand({ UserName, AccessKeyId });
      await iam.send(remove);
      expect(await refusal(iam.send(remove))).toBe("NoSuchEntity");
      expect((await iam.send(new ListAccessKeysCommand({ UserName }))).AccessKeyMetadata).toEqual([]);
    });

    it("gives a user two keys and no third", async () => {
      const UserName = await createUser(iam, "greedy");
      await iam.send(new CreateAccessKeyCommand({ UserName }));
      await iam.send(new CreateAccessKeyCommand({ UserName }));
      expect(await refusal(iam.send(new CreateAccessKeyCommand({ UserName })))).toBe("LimitExceeded");
    });

    unless("deletes users with keys")("does not delete a user that has an access key", async () => {
      const UserName = await createUser(iam, "still-keyed");
      await expectObstacle(iam, UserName, async () => {
        const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
        const { AccessKeyId } = AccessKey ?? {};
        return () => iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId }));
      });
    });

    it("does not delete a user that has an inline policy", async () => {
      const policy = { UserName: await createUser(iam, "still-inline"), PolicyName: "lease" };
      await expectObstacle(iam, policy.UserName, async () => {
        await iam.send(new PutUserPolicyCommand({ ...policy, PolicyDocument: allowEc2 }));
        return () => iam.send(new DeleteUserPolicyCommand(policy));
      });
    });

    it("does not delete a user that has an attached policy", async () => {
      const attached = {
        UserName: await createUser(iam, "still-attached"),
        PolicyArn: await createPolicy(iam, "still-attached"),
      };
      await expectObstacle(iam, attached.UserName, async () => {
        await iam.send(new AttachUserPolicyCommand(attached));
        return () => iam.send(new DetachUserPolicyCommand(attached));
      });
    });

    unless("deletes attached policies")("does not delete a policy that is attached", async () => {
      const UserName = await createUser(iam, "holder");
      const PolicyArn = await createPolicy(iam, "held");
      const remove = new DeletePolicyCommand({ PolicyArn });
      await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }));
      expect(await refusal(iam.send(remove))).toBe("DeleteConflict");
      await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }));
      expect(await refusal(iam.send(remove))).toBe("no error");
    });

    it("refuses a second managed policy of the same name", async () => {
      await createPolicy(iam, "twin-policy");
      expect(await refusal(createPolicy(iam, "twin-policy"))).toBe("EntityAlreadyExists");
    });

    it("attaches a managed policy, shows it, and refuses to detach it twice", async () => {
      const UserName = await createUser(iam, "attached");
      const PolicyArn = await createPolicy(iam, "shared");
      expect(PolicyArn).toMatch(/^arn:aws:iam::\d{12}:policy\/conformance\/shared$/);
      await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn }));
      const listed = await iam.send(new ListAttachedUserPoliciesCommand({ UserName }));
      expect(listed.AttachedPolicies).toEqual([{ PolicyName: "shared", PolicyArn }]);
      await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn }));
      expect(await refusal(iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn })))).toBe(
        "NoSuchEntity",
      );
    });

    it("refuses to attach a managed policy that does not exist", async () => {
      const UserName = await createUser(iam, "hopeful");
      const PolicyArn = "arn:aws:iam::123456789012:policy/absent";
      expect(await refusal(iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn })))).toBe(
        "NoSuchEntity",
      );
      expect(await refusal(iam.send(new GetPolicyCommand({ PolicyArn })))).toBe("NoSuchEntity");
    });

    it("returns the document of a managed policy's version", async () => {
      const PolicyArn = await createPolicy(iam, "read-back");
      const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
      const version = await iam.send(
        new GetPolicyVersionCommand({ PolicyArn, VersionId: Policy?.DefaultVersionId }),
      );
      expect(JSON.parse(decodeURIComponent(version.PolicyVersion?.Document ?? ""))).toEqual(
        JSON.parse(allowEc2),
      );
    });

    it("keeps who is in a group", async () => {
      const UserName = await createUser(iam, "member");
      const GroupName = "crew";
      await iam.send(new CreateGroupCommand({ GroupName }));
      expect(await refusal(iam.send(new CreateGroupCommand({ GroupName })))).toBe("EntityAlreadyExists");
      await iam.send(new AddUserToGroupCommand({ GroupName, UserName }));
      const group = await iam.send(new GetGroupCommand({ GroupName }));
      expect(group.Users?.map((user) => user.UserName)).toEqual([UserName]);
      const groups = await iam.send(new ListGroupsForUserCommand({ UserName }));
      expect(groups.Groups?.map((each) => each.GroupName)).toEqual([GroupName]);
      await iam.send(new RemoveUserFromGroupCommand({ GroupName, UserName }));
      expect((await iam.send(new ListGroupsForUserCommand({ UserName }))).Groups).toEqual([]);
      await iam.send(new DeleteGroupCommand({ GroupName }));
      expect(await refusal(iam.send(new AddUserToGroupCommand({ GroupName, UserName })))).toBe(
        "NoSuchEntity",
      );
    });
  });
}
