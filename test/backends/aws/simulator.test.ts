import {
  CreateGroupCommand,
  CreateLoginProfileCommand,
  CreateVirtualMFADeviceCommand,
  EnableMFADeviceCommand,
  IAMClient,
  ListUsersCommand,
  ListVirtualMFADevicesCommand,
} from "@aws-sdk/client-iam";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { awsBackend } from "../../../src/backends/aws/aws-backend.ts";
import { AwsFailure } from "../../../src/backends/aws/aws-failure.ts";
import type { Iam } from "../../../src/backends/aws/iam.ts";
import { connectIam } from "../../../src/backends/aws/iam-client.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { type Simulator, startSimulator } from "../../../src/dev/simulator/simulator.ts";
import { totpCode } from "../../../src/dev/simulator/totp.ts";
import { mountBackend, rootKey, tutorialPolicy } from "./mounted-aws.ts";

const ids = {
  leaseUuid: "0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  leaseId: "aws/creds/deploy/0d042c53-aa8a-4ce7-9dfd-310351c465e5",
  accessor: "aws_4f1c2d3e",
  role: "deploy",
};
const user = "leasehold-deploy-0d042c53aa8a4ce79dfd310351c465e5";
const signal = new AbortController().signal;
const readsItself: JsonObject = {
  Version: "2012-10-17",
  Statement: { Effect: "Allow", Action: ["iam:GetUser"], Resource: "*" },
};

let simulator: Simulator;
let admin: IAMClient;
const clients: Iam[] = [];

beforeAll(async () => {
  simulator = await startSimulator();
  admin = new IAMClient({
    region: "us-east-1",
    endpoint: simulator.url,
    credentials: { accessKeyId: rootKey.access_key, secretAccessKey: rootKey.secret_key },
  });
  await admin.send(new CreateGroupCommand({ GroupName: "builders" }));
});

afterEach(() => {
  simulator.faults.clear();
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  admin.destroy();
  await simulator.close();
});

function clientOf(key: JsonObject): Iam {
  const client = connectIam({
    accessKey: String(key["access_key"]),
    secretKey: String(key["secret_key"]),
    sessionToken: undefined,
    region: "us-east-1",
    iamEndpoint: simulator.url,
    stsEndpoint: simulator.url,
  });
  clients.push(client);
  return client;
}

async function leasedUsers(): Promise<string[]> {
  const { Users: users } = await admin.send(new ListUsersCommand({ PathPrefix: "/leasehold/" }));
  return (users ?? []).map(({ UserName: name }) => name ?? "");
}

/** Mounts the backend with the real client, and issues one lease. */
async function issued(role: JsonObject, request: JsonObject = {}) {
  const aws = mountBackend(
    awsBackend({
      consistencyMs: 0,
      iamEndpoint: simulator.url,
      stsEndpoint: simulator.url,
      connectIam: (settings) => {
        const client = connectIam(settings);
        clients.push(client);
        return client;
      },
    }),
    "aws",
  );
  expect(await aws.ask("write", "config/root", rootKey)).toEqual({ warnings: [] });
  await aws.ask("write", "roles/deploy", role);
  const [type] = aws.secretTypes;
  const { issue } = await aws.ask("read", "creds/deploy", request);
  if (type === undefined || issue === undefined) throw new Error("Nothing is issued.");
  const nowMs = Date.now();
  const { secret, handle } = await type.create(type.plan(issue.input, ids), {
    input: issue.input,
    ids,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 3_600_000,
    signal,
  });
  const revoke = () =>
    type.destroy(handle, {
      disarmed: type.disarm?.(handle, { signal }) ?? Promise.resolve(),
      signal,
      nowMs: Date.now(),
      createsEndedAtMs: nowMs,
      checkpoint: async () => {},
    });
  return { aws, type, secret, handle, revoke };
}

describe("the aws backend against the simulator", () => {
  it("issues a key that works, and revokes it without a trace", async () => {
    const { secret, revoke, handle } = await issued({ policy: JSON.stringify(tutorialPolicy) });
    expect(handle).toMatchObject({ account: "123456789012", key: secret["access_key"] });
    expect(await clientOf(secret).accountId({ signal })).toBe("123456789012");
    expect(await leasedUsers()).toEqual([user]);
    await revoke();
    expect(await leasedUsers()).toEqual([]);
    await expect(clientOf(secret).accountId({ signal })).rejects.toMatchObject({
      kind: "refused",
      code: "InvalidClientTokenId",
    });
  });

  it("issues and revokes with managed policies and groups", async () => {
    const { secret, revoke } = await issued({
      policy_arns: ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
      iam_groups: ["builders"],
      permissions_boundary_arn: "arn:aws:iam::aws:policy/AdministratorAccess",
      iam_tags: { team: "blue" },
    });
    expect(await clientOf(secret).getUser({ user, signal })).toMatchObject({ tags: { team: "blue" } });
    await revoke();
    expect(await leasedUsers()).toEqual([]);
  });

  it("ends the key by the guard alone, and moves the end by a renewal", async () => {
    const { type, secret, handle, revoke } = await issued({ policy_document: readsItself });
    const leased = clientOf(secret);
    await leased.getUser({ user, signal });
    await type.renew?.(handle, { ttlMs: 60_000, expiresAtMs: Date.now() - 180_000, signal });
    await expect(leased.getUser({ user, signal })).rejects.toMatchObject({ code: "AccessDenied" });
    await type.renew?.(handle, { ttlMs: 60_000, expiresAtMs: Date.now() + 180_000, signal });
    await leased.getUser({ user, signal });
    await revoke();
  });

  it("answers a key that works at once where the caller waits for that", async () => {
    simulator.faults.add({ kind: "creation-delay", ms: 700, actions: ["CreateAccessKey"], times: 1 });
    const { secret, revoke } = await issued({ policy_document: readsItself }, { wait_for_ready: true });
    expect(secret).toMatchObject({ ready: true });
    await clientOf(secret).getUser({ user, signal });
    await revoke();
  });

  it("allows by a policy with variables what they stand for, and no more", async () => {
    const allowed = (resource: string): JsonObject => ({
      Version: "2012-10-17",
      Statement: {
        Effect: "Allow",
        Action: "iam:GetUser",
        Resource: `arn:aws:iam::*:user/leasehold/${resource}`,
      },
    });
    const own = await issued({ policy_document: allowed("leasehold-{{role}}-*") });
    await clientOf(own.secret).getUser({ user, signal });
    await own.revoke();
    const other = await issued({ policy_document: allowed("leasehold-{{mount}}-*") });
    await expect(clientOf(other.secret).getUser({ user, signal })).rejects.toMatchObject({
      code: "AccessDenied",
    });
    await other.revoke();
  });

  it("removes what somebody gave the user by hand", async () => {
    const { revoke } = await issued({ policy_document: tutorialPolicy });
    await admin.send(new CreateLoginProfileCommand({ UserName: user, Password: "Correct-horse-7" }));
    const root = clientOf(rootKey);
    const arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    await root.attachPolicy({ user, arn, signal });
    await root.putInlinePolicy({ user, policy: "by-hand", document: JSON.stringify(readsItself), signal });
    await root.addToGroup({ user, group: "builders", signal });
    await root.createAccessKey({ user, signal });
    await revoke();
    expect(await leasedUsers()).toEqual([]);
  });

  it("deactivates and deletes virtual MFA devices", async () => {
    const { revoke } = await issued({ policy_document: tutorialPolicy });
    const device = await admin.send(new CreateVirtualMFADeviceCommand({ VirtualMFADeviceName: "by-hand" }));
    const serial = device.VirtualMFADevice?.SerialNumber ?? "";
    const seed = Buffer.from(simulator.account.mfaDevices.get(serial)?.seed ?? "", "base64");
    const code = (steps: number) => totpCode(seed, Date.now() + steps * 30_000);
    await admin.send(
      new EnableMFADeviceCommand({
        UserName: user,
        SerialNumber: serial,
        AuthenticationCode1: code(0),
        AuthenticationCode2: code(1),
      }),
    );
    await revoke();
    expect(await leasedUsers()).toEqual([]);
    const { VirtualMFADevices: left } = await admin.send(new ListVirtualMFADevicesCommand({}));
    expect(left).toEqual([]);
  });

  it.each(["CreateUser", "CreateAccessKey", "PutUserPolicy"])(
    "leaves one key and nothing behind though the reply of %s is cut off",
    async (action) => {
      simulator.faults.add({ kind: "lose-reply", actions: [action], times: 1 });
      const { secret, revoke } = await issued({ policy_document: tutorialPolicy });
      expect(await clientOf(rootKey).list({ user, belonging: "accessKey", signal })).toEqual([
        secret["access_key"],
      ]);
      await revoke();
      expect(await leasedUsers()).toEqual([]);
    },
  );

  it("tells a throttle, a server's failure, a refusal, a time-out and a dead endpoint apart", async () => {
    const root = clientOf(rootKey);
    const kindOf = (work: Promise<unknown>) =>
      work.then(
        () => "ok",
        (error: unknown) => (error instanceof AwsFailure ? error.kind : error),
      );
    simulator.faults.add({ kind: "throttle", callsPerSecond: 0, times: 1 });
    expect(await kindOf(root.getUser({ user, signal }))).toBe("throttled");
    simulator.faults.clear();
    simulator.faults.add({ kind: "fail-before", times: 1 });
    expect(await kindOf(root.getUser({ user, signal }))).toBe("unknown");
    expect(await kindOf(root.getUser({ user, signal }))).toBe("absent");
    expect(
      await kindOf(root.putInlinePolicy({ user: "leasehold-admin", policy: "x", document: "{", signal })),
    ).toBe("refused");
    const stranger = clientOf({ ...rootKey, secret_key: "wrong" });
    expect(await kindOf(stranger.getUser({ user, signal }))).toBe("refused");
    simulator.faults.add({ kind: "latency", ms: 60_000, times: 1 });
    expect(await kindOf(root.getUser({ user, signal: AbortSignal.timeout(50) }))).toBe("unknown");
    const settings = {
      accessKey: "A",
      secretKey: "B",
      sessionToken: undefined,
      region: "us-east-1",
      stsEndpoint: undefined,
    };
    const dead = connectIam({ ...settings, iamEndpoint: "http://127.0.0.1:1" });
    expect(await kindOf(dead.getUser({ user, signal }))).toBe("unknown");
    expect(await dead.accountId({ signal })).toBeUndefined();
  });

  it("finishes what is in flight when a client is closed, and works on", async () => {
    const root = clientOf(rootKey);
    simulator.faults.add({ kind: "latency", ms: 30, times: 1 });
    const inFlight = root.list({ user: "leasehold-admin", belonging: "accessKey", signal });
    root.close();
    expect(await inFlight).toEqual([rootKey.access_key]);
    expect(await root.list({ user: "leasehold-admin", belonging: "accessKey", signal })).toHaveLength(1);
  });
});
