import * as sdk from "@aws-sdk/client-iam";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Belonging, belongings, type Iam } from "../../../src/backends/aws/iam.ts";
import { connectIam } from "../../../src/backends/aws/iam-client.ts";
import { type Simulator, startSimulator } from "../../../src/dev/simulator/simulator.ts";
import { totpCode } from "../../../src/dev/simulator/totp.ts";
import { rootKey } from "./mounted-aws.ts";
import { httpAnswer, type RawEndpoint, startRawEndpoint, success } from "./raw-endpoint.ts";

const signal = new AbortController().signal;
const user = "ada";
const UserName = user;
const credentials = { accessKeyId: rootKey.access_key, secretAccessKey: rootKey.secret_key };
const sdkOptions = (endpoint: string) => ({ region: "us-east-1", endpoint, credentials, maxAttempts: 1 });
const settings = {
  accessKey: rootKey.access_key,
  secretKey: rootKey.secret_key,
  sessionToken: undefined,
  region: "us-east-1",
};
const arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";

describe("connectIam() against the simulator", () => {
  let simulator: Simulator;
  let root: Iam;
  let admin: sdk.IAMClient;

  beforeAll(async () => {
    simulator = await startSimulator();
    root = connectIam({ ...settings, iamEndpoint: simulator.url, stsEndpoint: simulator.url });
    admin = new sdk.IAMClient(sdkOptions(simulator.url));
  });

  afterAll(async () => {
    root.close();
    admin.destroy();
    await simulator.close();
  });

  it("tells the account, and makes a user with a path, tags and a boundary", async () => {
    expect(await root.accountId({ signal })).toBe("123456789012");
    const tags = { "leasehold:lease": "a b:c/+=@", empty: "", ünï: "é/ü" };
    await root.createUser({ user, path: "/leasehold/", tags, boundaryArn: arn, signal });
    expect(await root.getUser({ user, signal })).toEqual({ path: "/leasehold/", tags });
    await root.tagUser({ user, tags: { empty: "full" }, signal });
    expect((await root.getUser({ user, signal })).tags).toEqual({ ...tags, empty: "full" });
    await expect(
      root.createUser({ user, path: "/", tags: {}, boundaryArn: undefined, signal }),
    ).rejects.toMatchObject({ kind: "exists" });
  });

  it("puts an inline policy and reads it back to the letter", async () => {
    const Statement = { Sid: "a", Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::ä %+&<b>/*" };
    const document = JSON.stringify({ Version: "2012-10-17", Statement });
    await root.putInlinePolicy({ user, policy: "lease", document, signal });
    expect(await root.getInlinePolicy({ user, policy: "lease", signal })).toBe(document);
    const call = { user, belonging: "inlinePolicy", signal } as const;
    expect(await root.list(call)).toEqual(["lease"]);
    await root.remove({ ...call, id: "lease" });
    expect(await root.list(call)).toEqual([]);
    await expect(root.remove({ ...call, id: "lease" })).rejects.toMatchObject({ kind: "absent" });
  });

  it("lists and takes away every kind of belonging", async () => {
    await root.createAccessKey({ user, signal });
    await root.attachPolicy({ user, arn, signal });
    await admin.send(new sdk.CreateGroupCommand({ GroupName: "builders" }));
    await root.addToGroup({ user, group: "builders", signal });
    const policy = { Version: "2012-10-17", Statement: { Effect: "Deny", Action: "*", Resource: "*" } };
    await root.putInlinePolicy({ user, policy: "by-hand", document: JSON.stringify(policy), signal });
    await admin.send(new sdk.CreateLoginProfileCommand({ UserName, Password: "Correct-horse-7" }));
    const ServiceName = "codecommit.amazonaws.com";
    await admin.send(new sdk.CreateServiceSpecificCredentialCommand({ UserName, ServiceName }));
    const { VirtualMFADevice: device } = await admin.send(
      new sdk.CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "phone" }),
    );
    const SerialNumber = device?.SerialNumber ?? "";
    const seed = Buffer.from(simulator.account.mfaDevices.get(SerialNumber)?.seed ?? "", "base64");
    const [AuthenticationCode1, AuthenticationCode2] = [0, 30_000].map((ms) =>
      totpCode(seed, Date.now() + ms),
    );
    await admin.send(
      new sdk.EnableMFADeviceCommand({ UserName, SerialNumber, AuthenticationCode1, AuthenticationCode2 }),
    );
    await expect(root.deleteUser({ user, signal })).rejects.toMatchObject({ kind: "conflict" });
    const found: Partial<Record<Belonging, number>> = {};
    for (const belonging of belongings) {
      const ids = await root.list({ user, belonging, signal });
      found[belonging] = ids.length;
      for (const id of ids) await root.remove({ user, belonging, id, signal });
      expect(await root.list({ user, belonging, signal })).toEqual([]);
    }
    expect(found).toEqual({
      accessKey: 1,
      inlinePolicy: 1,
      attachedPolicy: 1,
      group: 1,
      loginProfile: 1,
      signingCertificate: 0,
      sshPublicKey: 0,
      serviceCredential: 1,
      mfaDevice: 1,
    });
    expect([...simulator.account.mfaDevices.keys()]).toEqual([]);
    await root.deleteUser({ user, signal });
    await expect(root.getUser({ user, signal })).rejects.toMatchObject({
      kind: "absent",
      code: "NoSuchEntity",
    });
  });
});

describe("connectIam() beside AWS's SDK", () => {
  let endpoint: RawEndpoint;
  let client: Iam;
  let iam: sdk.IAMClient;
  let sts: STSClient;

  beforeAll(async () => {
    endpoint = await startRawEndpoint(({ body }, socket) => {
      socket.write(httpAnswer(200, success(new URLSearchParams(body).get("Action") ?? "", "<X/>")));
    });
    client = connectIam({ ...settings, iamEndpoint: endpoint.url, stsEndpoint: endpoint.url });
    iam = new sdk.IAMClient(sdkOptions(endpoint.url));
    sts = new STSClient(sdkOptions(endpoint.url));
  });

  afterAll(async () => {
    client.close();
    iam.destroy();
    sts.destroy();
    await endpoint.close();
  });

  const Tags = [
    { Key: "a", Value: "1" },
    { Key: "b", Value: "" },
  ];
  const tags = { a: "1", b: "" };
  const listed = (belonging: Belonging) => () => client.list({ user, belonging, signal });
  const removed = (belonging: Belonging, id: string) => () => client.remove({ user, belonging, id, signal });
  const PolicyDocument = '{"a":"é&+ %"}';
  const serial = "arn:aws:iam::123456789012:mfa/ada";

  it.each<[string, () => Promise<unknown>, (() => Promise<unknown>)[]]>([
    ["accountId", () => client.accountId({ signal }), [() => sts.send(new GetCallerIdentityCommand({}))]],
    [
      "createUser",
      () => client.createUser({ user, path: "/p/", tags, boundaryArn: arn, signal }),
      [() => iam.send(new sdk.CreateUserCommand({ UserName, Path: "/p/", Tags, PermissionsBoundary: arn }))],
    ],
    [
      "createUser without more",
      () => client.createUser({ user, path: "/", tags: {}, boundaryArn: undefined, signal }),
      [() => iam.send(new sdk.CreateUserCommand({ UserName, Path: "/", Tags: [] }))],
    ],
    [
      "getUser",
      () => client.getUser({ user, signal }),
      [() => iam.send(new sdk.GetUserCommand({ UserName }))],
    ],
    [
      "deleteUser",
      () => client.deleteUser({ user, signal }),
      [() => iam.send(new sdk.DeleteUserCommand({ UserName }))],
    ],
    [
      "tagUser",
      () => client.tagUser({ user, tags, signal }),
      [() => iam.send(new sdk.TagUserCommand({ UserName, Tags }))],
    ],
    [
      "putInlinePolicy",
      () => client.putInlinePolicy({ user, policy: "p", document: PolicyDocument, signal }),
      [() => iam.send(new sdk.PutUserPolicyCommand({ UserName, PolicyName: "p", PolicyDocument }))],
    ],
    [
      "getInlinePolicy",
      () => client.getInlinePolicy({ user, policy: "p", signal }),
      [() => iam.send(new sdk.GetUserPolicyCommand({ UserName, PolicyName: "p" }))],
    ],
    [
      "attachPolicy",
      () => client.attachPolicy({ user, arn, signal }),
      [() => iam.send(new sdk.AttachUserPolicyCommand({ UserName, PolicyArn: arn }))],
    ],
    [
      "addToGroup",
      () => client.addToGroup({ user, group: "g", signal }),
      [() => iam.send(new sdk.AddUserToGroupCommand({ UserName, GroupName: "g" }))],
    ],
    [
      "createAccessKey",
      () => client.createAccessKey({ user, signal }),
      [() => iam.send(new sdk.CreateAccessKeyCommand({ UserName }))],
    ],
    [
      "list of access keys",
      listed("accessKey"),
      [() => iam.send(new sdk.ListAccessKeysCommand({ UserName }))],
    ],
    [
      "list of inline policies",
      listed("inlinePolicy"),
      [() => iam.send(new sdk.ListUserPoliciesCommand({ UserName }))],
    ],
    [
      "list of attached policies",
      listed("attachedPolicy"),
      [() => iam.send(new sdk.ListAttachedUserPoliciesCommand({ UserName }))],
    ],
    ["list of groups", listed("group"), [() => iam.send(new sdk.ListGroupsForUserCommand({ UserName }))]],
    [
      "list of login profiles",
      listed("loginProfile"),
      [() => iam.send(new sdk.GetLoginProfileCommand({ UserName }))],
    ],
    [
      "list of certificates",
      listed("signingCertificate"),
      [() => iam.send(new sdk.ListSigningCertificatesCommand({ UserName }))],
    ],
    [
      "list of SSH keys",
      listed("sshPublicKey"),
      [() => iam.send(new sdk.ListSSHPublicKeysCommand({ UserName }))],
    ],
    [
      "list of service credentials",
      listed("serviceCredential"),
      [() => iam.send(new sdk.ListServiceSpecificCredentialsCommand({ UserName }))],
    ],
    [
      "list of MFA devices",
      listed("mfaDevice"),
      [() => iam.send(new sdk.ListMFADevicesCommand({ UserName }))],
    ],
    [
      "removal of an access key",
      removed("accessKey", "A"),
      [() => iam.send(new sdk.DeleteAccessKeyCommand({ UserName, AccessKeyId: "A" }))],
    ],
    [
      "removal of an inline policy",
      removed("inlinePolicy", "p"),
      [() => iam.send(new sdk.DeleteUserPolicyCommand({ UserName, PolicyName: "p" }))],
    ],
    [
      "removal of an attached policy",
      removed("attachedPolicy", arn),
      [() => iam.send(new sdk.DetachUserPolicyCommand({ UserName, PolicyArn: arn }))],
    ],
    [
      "removal from a group",
      removed("group", "g"),
      [() => iam.send(new sdk.RemoveUserFromGroupCommand({ UserName, GroupName: "g" }))],
    ],
    [
      "removal of a login profile",
      removed("loginProfile", "password"),
      [() => iam.send(new sdk.DeleteLoginProfileCommand({ UserName }))],
    ],
    [
      "removal of a certificate",
      removed("signingCertificate", "C"),
      [() => iam.send(new sdk.DeleteSigningCertificateCommand({ UserName, CertificateId: "C" }))],
    ],
    [
      "removal of an SSH key",
      removed("sshPublicKey", "S"),
      [() => iam.send(new sdk.DeleteSSHPublicKeyCommand({ UserName, SSHPublicKeyId: "S" }))],
    ],
    [
      "removal of a service credential",
      removed("serviceCredential", "V"),
      [
        () =>
          iam.send(
            new sdk.DeleteServiceSpecificCredentialCommand({ UserName, ServiceSpecificCredentialId: "V" }),
          ),
      ],
    ],
    [
      "removal of a virtual MFA device",
      removed("mfaDevice", serial),
      [
        () => iam.send(new sdk.DeactivateMFADeviceCommand({ UserName, SerialNumber: serial })),
        () => iam.send(new sdk.DeleteVirtualMFADeviceCommand({ SerialNumber: serial })),
      ],
    ],
    [
      "removal of an MFA device of hardware",
      removed("mfaDevice", "GAHT12345678"),
      [() => iam.send(new sdk.DeactivateMFADeviceCommand({ UserName, SerialNumber: "GAHT12345678" }))],
    ],
  ])("sends for %s what the SDK sends", async (_, ours, theirs) => {
    const sent = (calls: readonly (() => Promise<unknown>)[]) => async () => {
      endpoint.requests.length = 0;
      // Some calls reject, since the answer holds nothing.
      for (const call of calls) await call().catch(() => {});
      return endpoint.requests.map(({ line, body, headers }) => ({
        line,
        parameters: [...new URLSearchParams(body)].sort(),
        type: headers["content-type"],
        scope: /credential=([^,]+),/.exec(headers["authorization"] ?? "")?.[1],
      }));
    };
    const sentByUs = await sent([ours])();
    expect(sentByUs).toEqual(await sent(theirs)());
    expect(sentByUs).toHaveLength(theirs.length);
  });

  it("has no success where the answer lacks what it must hold", async () => {
    const calls = [
      () => client.accountId({ signal }),
      () => client.getUser({ user, signal }),
      () => client.getInlinePolicy({ user, policy: "p", signal }),
      () => client.createAccessKey({ user, signal }),
    ];
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ kind: "unknown", code: "IncompleteAnswer" });
    }
  });

  it("never shows the key to AWS's STS where only IAM has an endpoint of its own", async () => {
    const only = connectIam({ ...settings, iamEndpoint: endpoint.url, stsEndpoint: undefined });
    expect(await only.accountId({ signal })).toBeUndefined();
    only.close();
  });
});
