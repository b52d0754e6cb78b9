import * as sdk from "@aws-sdk/client-iam";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AwsQuery, createAwsQuery } from "../../src/backends/aws/aws-query.ts";
import type { Belonging, Iam } from "../../src/backends/aws/iam.ts";
import { connectIam } from "../../src/backends/aws/iam-client.ts";
import { userRoomReader } from "../../src/backends/aws/pacing/user-room.ts";
import { keyDescriber } from "../../src/backends/aws/rotation/user-keys.ts";
import { connectSessionAws, type SessionAws } from "../../src/backends/aws/sts/session-aws.ts";
import {
  allowEc2,
  certificate,
  clientOptions,
  createPolicy,
  type IamEndpoint,
  type IamGap,
} from "./iam-endpoint.ts";

const limits = { policy: allowEc2, policyArns: [], tags: { team: "blue" } };
const { signal } = new AbortController();
const hourMs = 3_600_000;
const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Principal: { AWS: "*" }, Action: ["sts:AssumeRole", "sts:TagSession"] }],
});

/**
 * Every call that this project's own clients send, against an endpoint that `start` brings up: it is understood,
 * has its effect, and is answered in a way that the client reads. Tests of rules listed in `gaps` are skipped.
 */
export function iamPortConformance(
  name: string,
  start: () => Promise<IamEndpoint>,
  gaps: readonly IamGap[] = [],
): void {
  const unless = (gap: IamGap) => it.skipIf(gaps.includes(gap));

  describe(`the clients for AWS against ${name}`, () => {
    let server: IamEndpoint;
    let iam: Iam;
    let sessions: SessionAws;
    let query: AwsQuery;
    let admin: sdk.IAMClient;
    let user = "";
    let users = 0;

    beforeAll(async () => {
      server = await start();
      const settings = {
        accessKey: server.accessKeyId,
        secretKey: server.secretAccessKey,
        sessionToken: undefined,
        region: "us-east-1",
        iamEndpoint: server.endpoint,
        stsEndpoint: server.endpoint,
      };
      iam = connectIam(settings);
      sessions = connectSessionAws(settings);
      query = createAwsQuery(settings);
      admin = new sdk.IAMClient(clientOptions(server));
    });

    afterAll(async () => {
      for (const client of [iam, sessions, query]) client?.close();
      admin?.destroy();
      await server?.stop();
    });

    beforeEach(async () => {
      user = `port-${++users}`;
      const tags = { "leasehold:lease": "a b:c/+=@", team: "é" };
      await iam.createUser({ user, path: "/port/", tags, boundaryArn: undefined, signal });
    });

    const absent = { kind: "absent", code: "NoSuchEntity" };
    const list = (belonging: Belonging) => iam.list({ user, belonging, signal });

    /** Expects a user to have one thing of a kind, which is taken away once. */
    async function expectOne(belonging: Belonging): Promise<string> {
      const [id = "", ...more] = await list(belonging);
      expect([id === "", more]).toEqual([false, []]);
      await iam.remove({ user, belonging, id, signal });
      expect(await list(belonging)).toEqual([]);
      return id;
    }

    it("tells the account", async () => {
      expect(await iam.accountId({ signal })).toMatch(/^\d{12}$/);
      const identity = await sessions.sts.getCallerIdentity({ signal });
      expect(identity).toMatchObject({
        account: expect.stringMatching(/^\d{12}$/),
        userId: expect.any(String),
      });
      expect(identity.arn).toMatch(/^arn:aws:/);
    });

    it("reads a user with its path and tags, and writes tags", async () => {
      await iam.tagUser({ user, tags: { team: "blue" }, signal });
      expect(await iam.getUser({ user, signal })).toEqual({
        path: "/port/",
        tags: { "leasehold:lease": "a b:c/+=@", team: "blue" },
      });
    });

    it("lists the users below a path", async () => {
      await iam.createUser({ user: `${user}-off`, path: "/off/", tags: {}, boundaryArn: undefined, signal });
      const found = await iam.listUsers({ pathPrefix: "/port/", signal });
      expect(found).toContainEqual({ user, path: "/port/" });
      expect(found).not.toContainEqual({ user: `${user}-off`, path: "/off/" });
    });

    unless("shown boundaries")("makes a user with a permissions boundary", async () => {
      const boundaryArn = await createPolicy(admin, `${user}-boundary`);
      await iam.createUser({ user: `${user}-b`, path: "/port/", tags: {}, boundaryArn, signal });
      const { User } = await admin.send(new sdk.GetUserCommand({ UserName: `${user}-b` }));
      expect(User?.PermissionsBoundary?.PermissionsBoundaryArn).toBe(boundaryArn);
    });

    it("tells a name that is taken from a user that is not there", async () => {
      const again = iam.createUser({ user, path: "/port/", tags: {}, boundaryArn: undefined, signal });
      await expect(again).rejects.toMatchObject({ kind: "exists" });
      await iam.deleteUser({ user, signal });
      await expect(iam.getUser({ user, signal })).rejects.toMatchObject(absent);
      await expect(iam.deleteUser({ user, signal })).rejects.toMatchObject(absent);
      await expect(iam.createAccessKey({ user, signal })).rejects.toMatchObject(absent);
      await expect(list("accessKey")).rejects.toMatchObject(absent);
    });

    it("writes an inline policy, and reads it back to the letter", async () => {
      const statement = { Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::a %+&<b>/*" };
      const document = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
      await iam.putInlinePolicy({ user, policy: "leasehold", document, signal });
      expect(await iam.getInlinePolicy({ user, policy: "leasehold", signal })).toBe(document);
      await expect(iam.deleteUser({ user, signal })).rejects.toMatchObject({ kind: "conflict" });
      expect(await expectOne("inlinePolicy")).toBe("leasehold");
      const once = iam.remove({ user, belonging: "inlinePolicy", id: "leasehold", signal });
      await expect(once).rejects.toMatchObject(absent);
      const bad = iam.putInlinePolicy({ user, policy: "leasehold", document: "{", signal });
      await expect(bad).rejects.toMatchObject({ kind: "refused", code: "MalformedPolicyDocument" });
    });

    it("attaches a managed policy and joins a group, and undoes both", async () => {
      const arn = await createPolicy(admin, user);
      await iam.attachPolicy({ user, arn, signal });
      const group = `${user}-group`;
      await admin.send(new sdk.CreateGroupCommand({ GroupName: group }));
      await iam.addToGroup({ user, group, signal });
      expect(await expectOne("attachedPolicy")).toBe(arn);
      expect(await expectOne("group")).toBe(group);
    });

    it("makes a key, tells when it was made and not that it was used, and deletes it", async () => {
      const { id, secret } = await iam.createAccessKey({ user, signal });
      expect(id).toMatch(/^AKIA[A-Z0-9]{16}$/);
      expect(secret).toHaveLength(40);
      const keys = keyDescriber(query.query);
      const [key] = await keys.list({ user, signal });
      expect(key?.id).toBe(id);
      expect(Math.abs(Date.now() - (key?.createdAtMs ?? 0))).toBeLessThan(hourMs);
      expect(await keys.lastUsedAtMs({ id, signal })).toBeUndefined();
      expect(await expectOne("accessKey")).toBe(id);
    });

    it("takes a password away", async () => {
      expect(await list("loginProfile")).toEqual([]);
      await admin.send(new sdk.CreateLoginProfileCommand({ UserName: user, Password: "Correct-horse-7" }));
      await expectOne("loginProfile");
    });

    it("takes an SSH key away", async () => {
      const SSHPublicKeyBody = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFkYQ ada";
      await admin.send(new sdk.UploadSSHPublicKeyCommand({ UserName: user, SSHPublicKeyBody }));
      await expectOne("sshPublicKey");
    });

    unless("service credentials")("takes a service credential away", async () => {
      const ServiceName = "codecommit.amazonaws.com";
      await admin.send(new sdk.CreateServiceSpecificCredentialCommand({ UserName: user, ServiceName }));
      await expectOne("serviceCredential");
    });

    it("takes a signing certificate away", async () => {
      await admin.send(
        new sdk.UploadSigningCertificateCommand({ UserName: user, CertificateBody: certificate }),
      );
      await expectOne("signingCertificate");
    });

    unless("any MFA code")("deactivates and deletes a virtual MFA device", async () => {
      const { VirtualMFADevice: device } = await admin.send(
        new sdk.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: user }),
      );
      const SerialNumber = device?.SerialNumber ?? "";
      const codes = { AuthenticationCode1: "123456", AuthenticationCode2: "654321" };
      await admin.send(new sdk.EnableMFADeviceCommand({ UserName: user, SerialNumber, ...codes }));
      expect(await expectOne("mfaDevice")).toBe(SerialNumber);
      const { VirtualMFADevices: left } = await admin.send(new sdk.ListVirtualMFADevicesCommand({}));
      expect(left).toEqual([]);
    });

    it("counts the users of the account", async () => {
      const { count, quota } = await userRoomReader(query.query)({ signal });
      expect(count).toBeGreaterThan(0);
      expect(quota).toBeGreaterThanOrEqual(count);
    });

    it("reads the policies of a group", async () => {
      const GroupName = `${user}-readers`;
      const PolicyArn = await createPolicy(admin, GroupName);
      await admin.send(new sdk.CreateGroupCommand({ GroupName }));
      const inline = { GroupName, PolicyName: "own", PolicyDocument: allowEc2 };
      await admin.send(new sdk.PutGroupPolicyCommand(inline));
      await admin.send(new sdk.AttachGroupPolicyCommand({ GroupName, PolicyArn }));
      const { documents, arns } = await sessions.policies.readGroup({ group: GroupName, signal });
      expect(documents.map((each) => JSON.parse(each))).toEqual([JSON.parse(allowEc2)]);
      expect(arns).toEqual([PolicyArn]);
    });

    it("writes, reads and deletes the policy of a role, and assumes the role", async () => {
      const role = `${user}-role`;
      const { Role } = await admin.send(
        new sdk.CreateRoleCommand({ RoleName: role, AssumeRolePolicyDocument: trust }),
      );
      const policy = { role, policy: "cut", signal };
      await sessions.policies.putRolePolicy({ ...policy, document: allowEc2 });
      expect(JSON.parse(await sessions.policies.getRolePolicy(policy))).toEqual(JSON.parse(allowEc2));
      await sessions.policies.deleteRolePolicy(policy);
      await expect(sessions.policies.deleteRolePolicy(policy)).rejects.toMatchObject(absent);

      expectSession(
        await sessions.sts.assumeRole({
          roleArn: Role?.Arn ?? "",
          sessionName: "leasehold-deploy",
          externalId: "blue-42",
          ...limits,
          durationSeconds: 1800,
          signal,
        }),
        1800,
      );
    });

    it("makes a federated user", async () => {
      const call = { name: "leasehold-deploy", ...limits, durationSeconds: 1800, signal };
      expectSession(await sessions.sts.getFederationToken(call), 1800);
    });

    it("makes a session of the caller's own", async () => {
      const call = { mfa: undefined, durationSeconds: 1800, signal };
      expectSession(await sessions.sts.getSessionToken(call), 1800);
    });

    function expectSession(
      made: Awaited<ReturnType<SessionAws["sts"]["getSessionToken"]>>,
      durationSeconds: number,
    ): void {
      expect(made.accessKey).toMatch(/^A[A-Z0-9]{19}$/);
      expect(made.secretKey).not.toBe("");
      expect(made.sessionToken).not.toBe("");
      expect(Math.abs(made.endsAtMs - Date.now() - durationSeconds * 1000)).toBeLessThan(120_000);
    }
  });
}
