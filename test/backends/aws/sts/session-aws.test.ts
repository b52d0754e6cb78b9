import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connectSessionAws, type SessionAws } from "../../../../src/backends/aws/sts/session-aws.ts";
import { type Simulator, startSimulator, tutorialKey } from "../../../../src/dev/simulator/simulator.ts";
import { SimulatedAccount } from "./simulated-account.ts";

const { signal } = new AbortController();

let simulator: Simulator;
let account: SimulatedAccount;
const clients: SessionAws[] = [];

beforeEach(async () => {
  simulator = await startSimulator();
  account = new SimulatedAccount(simulator);
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  account.close();
  await simulator.close();
});

function connect(endpoints: { iam: string | undefined; sts: string | undefined }): SessionAws {
  const client = connectSessionAws({
    accessKey: tutorialKey.accessKeyId,
    secretKey: tutorialKey.secretAccessKey,
    sessionToken: undefined,
    region: "us-east-1",
    iamEndpoint: endpoints.iam,
    stsEndpoint: endpoints.sts,
  });
  clients.push(client);
  return client;
}

const simulated = () => connect({ iam: simulator.url, sts: simulator.url });

describe("the clients for sessions", () => {
  it("make a session of a role, with all that limits it", async () => {
    const roleArn = await account.createRole("reader", { tagsToo: true, externalId: "ours" });
    const made = await simulated().sts.assumeRole({
      roleArn,
      sessionName: "s1",
      externalId: "ours",
      durationSeconds: 900,
      policy: '{"Version":"2012-10-17","Statement":[]}'.replace(
        "[]",
        '[{"Effect":"Allow","Action":"iam:GetUser","Resource":"*"}]',
      ),
      policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
      tags: { team: "blue + green" },
      signal,
    });
    expect(made.accessKey).toMatch(/^ASIA/);
    expect(Math.abs(made.endsAtMs - Date.now() - 900_000)).toBeLessThan(60_000);
    const [session] = [...simulator.account.sessions.values()];
    expect(session).toMatchObject({
      name: "s1",
      secret: made.secretKey,
      token: made.sessionToken,
      policyArns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    });
    expect(session?.tags.get("team")?.value).toBe("blue + green");
    expect(session?.policies?.[0]?.text).toContain("iam:GetUser");
  });

  it("make sessions of a user and of a federated user, and know whose credentials they sign with", async () => {
    const { sts } = simulated();
    const limits = { policy: undefined, policyArns: [], tags: {} };
    const federated = await sts.getFederationToken({
      name: "guest",
      ...limits,
      durationSeconds: 900,
      signal,
    });
    const own = await sts.getSessionToken({ mfa: undefined, durationSeconds: 900, signal });
    expect([federated, own].map(({ accessKey }) => simulator.account.sessions.get(accessKey)?.kind)).toEqual([
      "federated-user",
      "session-token",
    ]);
    expect(await sts.getCallerIdentity({ signal })).toMatchObject({
      account: "123456789012",
      arn: expect.stringMatching(/user\/leasehold-admin$/),
    });
  });

  it("read the policies of a group, page by page, and write, read and delete one of a role", async () => {
    await account.createRole("reader", {});
    await account.createGroup("builders", {
      inline: 3,
      attached: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
    });
    const { policies } = simulated();
    const found = await policies.readGroup({ group: "builders", signal });
    expect(found.arns).toEqual(["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    expect(found.documents.map((text) => JSON.parse(text).Statement[0].Action).sort()).toEqual([
      "ec2:Action0",
      "ec2:Action1",
      "ec2:Action2",
    ]);
    const on = { role: "reader", policy: "cut", signal };
    const document = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}';
    await policies.putRolePolicy({ ...on, document });
    expect(await policies.getRolePolicy(on)).toBe(document);
    await policies.deleteRolePolicy(on);
    await expect(policies.deleteRolePolicy(on)).rejects.toMatchObject({ kind: "absent" });
    await expect(policies.readGroup({ group: "nobody", signal })).rejects.toMatchObject({ kind: "absent" });
  });

  it("ask no STS where only IAM's endpoint is set", async () => {
    const { sts } = connect({ iam: simulator.url, sts: undefined });
    await expect(sts.getCallerIdentity({ signal })).rejects.toMatchObject({
      kind: "refused",
      code: "NoStsEndpoint",
    });
  });
});
