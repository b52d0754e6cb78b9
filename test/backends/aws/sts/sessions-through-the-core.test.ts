import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type AwsQuery, createAwsQuery } from "../../../../src/backends/aws/aws-query.ts";
import type { JsonObject } from "../../../../src/core/json.ts";
import type { LeaseView } from "../../../../src/core/requests.ts";
import { type Simulator, startSimulator } from "../../../../src/dev/simulator/simulator.ts";
import { totpCode } from "../../../../src/dev/simulator/totp.ts";
import { type SimulatedCore, startSimulatedCore } from "../simulated-core.ts";
import { SimulatedAccount } from "./simulated-account.ts";

const { signal } = new AbortController();

let simulator: Simulator;
let account: SimulatedAccount;
let core: SimulatedCore;
let readerArn: string;
const clients: AwsQuery[] = [];

beforeEach(async () => {
  simulator = await startSimulator();
  account = new SimulatedAccount(simulator);
  readerArn = await account.createRole("reader", { tagsToo: true });
  const settings = { defaultTtlMs: 3_600_000, maxTtlMs: 86_400_000, ttlSpreadShare: 0.02 };
  core = await startSimulatedCore(simulator, { settings });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await core.stop();
  account.close();
  await simulator.close();
});

const ask: SimulatedCore["ask"] = (operation, input) => core.ask(operation, input);
const write = (path: string, data: JsonObject) => core.write(path, data);

async function issue(path: string, data: JsonObject = {}) {
  const { lease, data: secret, warnings } = await ask("read", { path, data });
  if (lease === undefined || secret === undefined) throw new Error("Nothing was leased.");
  const { query } = clientOf(secret);
  const call = (action: string, parameters = {}) =>
    query({ service: "iam", action, parameters, signal }).then(
      () => "allowed",
      (error: { readonly code?: string }) => error.code,
    );
  return { lease, secret, warnings, call };
}

function clientOf(secret: JsonObject): AwsQuery {
  const client = createAwsQuery({
    accessKey: String(secret["access_key"]),
    secretKey: String(secret["secret_key"]),
    sessionToken: String(secret["security_token"]),
    region: "us-east-1",
    iamEndpoint: simulator.url,
    stsEndpoint: simulator.url,
  });
  clients.push(client);
  return client;
}

const revoke = async ({ id }: LeaseView) => (await ask("revokeLease", { leaseId: id })).warnings;

describe("sessions behind the core", () => {
  it("work, and go on after their lease, which whoever revokes is told", async () => {
    await write("aws/roles/read", { credential_type: "assumed_role", role_arns: readerArn });
    const { lease, call, warnings } = await issue("aws/sts/read", { ttl: "30m" });
    expect(warnings).toEqual([]);
    expect(lease.isRenewable).toBe(false);
    expect(Math.abs(lease.expiresAtMs - Date.now() - 1_800_000)).toBeLessThan(60_000);
    expect(await call("ListUsers")).toBe("allowed");
    const [warning, ...others] = await revoke(lease);
    expect(others).toEqual([]);
    expect(warning).toMatch(/^The lease is gone, but the session "leasehold-read-\w{12}" goes on until /);
    expect(await call("ListUsers")).toBe("allowed");
    expect(await revoke(lease)).toEqual([]);
  });

  it("are denied everything once their lease is revoked, where the role has revoke_sessions", async () => {
    const role = { credential_type: "assumed_role", role_arns: readerArn, revoke_sessions: true };
    await write("aws/roles/cut", role);
    const [one, two] = [await issue("aws/creds/cut"), await issue("aws/creds/cut")];
    expect(await revoke(one.lease)).toEqual([]);
    expect(await one.call("ListUsers")).toBe("AccessDenied");
    expect(await two.call("ListUsers")).toBe("allowed");
  });

  it("are all denied when many are revoked at once, and when the mount goes", async () => {
    const role = { credential_type: "assumed_role", role_arns: readerArn, revoke_sessions: true };
    await write("aws/roles/cut", role);
    const first = await Promise.all(Array.from({ length: 12 }, () => issue("aws/creds/cut")));
    await ask("revokePrefix", { prefix: "aws/creds/cut" });
    const second = await Promise.all(Array.from({ length: 4 }, () => issue("aws/creds/cut")));
    const { pending } = await ask("unmount", { path: "aws" });
    expect(pending).toBe(0);
    const answers = await Promise.all([...first, ...second].map(({ call }) => call("ListUsers")));
    expect(new Set(answers)).toEqual(new Set(["AccessDenied"]));
  });

  it("may do no more than their policies, and those of their groups, allow", async () => {
    await account.createGroup("builders", { inline: 1, attached: [] });
    const statement = { Effect: "Allow", Action: "iam:GetUser", Resource: "*" };
    await write("aws/roles/read", {
      credential_type: "assumed_role",
      role_arns: readerArn,
      policy_document: { Version: "2012-10-17", Statement: [statement] },
      iam_groups: "builders",
      session_tags: { team: "blue" },
    });
    const { call, secret } = await issue("aws/creds/read");
    expect(await call("GetUser", { UserName: "leasehold-admin" })).toBe("allowed");
    expect(await call("ListUsers")).toBe("AccessDenied");
    const session = simulator.account.sessions.get(String(secret["access_key"]));
    expect(session?.tags.get("team")?.value).toBe("blue");
    expect(session?.policies?.[0]?.text).toContain("ec2:Action0");
  });

  it("are those of federated users and of the root key's own user, too", async () => {
    const statement = { Effect: "Allow", Action: "ec2:*", Resource: "*" };
    await write("aws/roles/guest", {
      credential_type: "federation_token",
      policy_document: { Version: "2012-10-17", Statement: [statement] },
    });
    await write("aws/roles/own", { credential_type: "session_token" });
    const identities = [];
    for (const path of ["aws/sts/guest", "aws/sts/own"]) {
      const { secret, lease } = await issue(path);
      const { query } = clientOf(secret);
      const identity = await query({ service: "sts", action: "GetCallerIdentity", signal });
      identities.push(identity.children.find(({ name }) => name === "Arn")?.text);
      expect(await revoke(lease)).toHaveLength(1);
    }
    expect(identities).toEqual([
      expect.stringMatching(/:federated-user\/leasehold-guest-\w{12}$/),
      expect.stringMatching(/user\/leasehold-admin$/),
    ]);
  });

  it("have MFA with the code of the device that the role names", async () => {
    const seed = randomBytes(20);
    const [admin] = [...simulator.account.users.all()];
    const serialNumber = "arn:aws:iam::123456789012:mfa/phone";
    simulator.account.mfaDevices.set(serialNumber, {
      serialNumber,
      seed: seed.toString("base64"),
      tags: new Map(),
      userId: admin?.id,
      enabledAtMs: Date.now(),
    });
    await write("aws/roles/own", { credential_type: "session_token", mfa_serial_number: serialNumber });
    await expect(issue("aws/sts/own")).rejects.toMatchObject({ details: { field: "mfa_code" } });
    await expect(issue("aws/sts/own", { mfa_code: "000000" })).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringContaining("send the next one"),
    });
    const { call } = await issue("aws/sts/own", { mfa_code: totpCode(seed, Date.now()) });
    expect(await call("ListUsers")).toBe("allowed");
  });

  it("are refused in words that say what to change, and leave no lease behind", async () => {
    const closed = await account.createRole("closed", { externalId: "theirs" });
    await write("aws/roles/read", { credential_type: "assumed_role", role_arns: [readerArn, closed] });
    await expect(issue("aws/sts/read", { role_arn: closed })).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      details: { aws_code: "AccessDenied" },
    });
    await expect(issue("aws/sts/read", { role_arn: readerArn, ttl: "2h" })).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      message: expect.stringContaining('Ask for a shorter "ttl"'),
    });
    await expect(issue("aws/sts/read", { role_arn: readerArn, ttl: "10m" })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message:
        'Field "ttl" must be at least 15m for a secret of this kind; what is asked for and allowed comes to 10m.',
    });
    expect((await ask("countLeases", { prefix: "aws/" })).total).toBe(0);
  });

  it("are never shorter than AWS's shortest, whatever the spreading of TTLs takes off", async () => {
    await write("aws/roles/read", { credential_type: "assumed_role", role_arns: readerArn });
    for (let count = 0; count < 5; count++) {
      const { lease } = await issue("aws/sts/read", { ttl: "15m" });
      expect(lease.expiresAtMs - lease.issuedAtMs).toBeGreaterThan(898_000);
    }
  });

  it("cannot be made anew for a request that is repeated", async () => {
    await write("aws/roles/read", { credential_type: "assumed_role", role_arns: readerArn });
    const read = () => ask("read", { path: "aws/sts/read", data: {}, idempotencyKey: "build-17" });
    await read();
    await expect(read()).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    await expect(
      issue("aws/sts/read").then(({ lease }) =>
        ask("renewLease", { leaseId: lease.id, incrementMs: undefined }),
      ),
    ).rejects.toMatchObject({ code: "UNSUPPORTED_OPERATION" });
  });

  it("are cut off though nobody was told of them, since the reply to AssumeRole was lost", async () => {
    const role = { credential_type: "assumed_role", role_arns: readerArn, revoke_sessions: true };
    await write("aws/config/root", { max_retries: 0 });
    await write("aws/roles/cut", role);
    simulator.faults.add({ kind: "lose-reply", actions: ["AssumeRole"], times: 1 });
    await expect(issue("aws/creds/cut")).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    const [session] = [...simulator.account.sessions.values()];
    const policies = () => [...simulator.account.roles.get("reader").inlinePolicies.values()];
    await core.until(() => policies().length === 2);
    expect(
      policies()
        .map(({ text }) => text)
        .join(),
    ).toContain(`*:${session?.name}`);
    expect((await ask("countLeases", { prefix: "aws/" })).total).toBe(0);
  });
});
