import { CreateAccessKeyCommand, CreateUserCommand, IAMClient } from "@aws-sdk/client-iam";
import { beforeAll, expect, it } from "vitest";
import { LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { tutorialKey } from "../../src/dev/simulator/simulator.ts";
import { type Deployment, type DeploymentOptions, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";
import { refusalOf } from "./refusal.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 60_000;
/** Attempts at AWS come at least this often while it is away. */
const retryMsMax = 20_000;

async function deployAws(options: DeploymentOptions = {}): Promise<Deployment> {
  const deployment = await deploy(options);
  await deployment.mountAws();
  await deployment.writeRole();
  return deployment;
}

it.concurrent("while AWS is away, issues and revocations are Unavailable, and all is made good once it is back", {
  timeout,
}, async () => {
  await using deployment = await deployAws();
  const { server } = deployment;

  await deployment.stopAws();
  const call = { timeoutMs: 5000 };
  const unreachable = await refusalOf(deployment.readCreds({ call }));
  expect(unreachable).toMatchObject({ code: "Unavailable", reason: "BACKEND_UNAVAILABLE" });
  await deployment.startAws();
  await untilNothingIsLeft(deployment, { withinMs: retryMsMax });

  // It goes away between the user and its key.
  deployment.aws.faults.add({ kind: "latency", ms: 400, actions: ["CreateAccessKey", "PutUserPolicy"] });
  const cutOff = refusalOf(deployment.readCreds({ call }));
  await eventually("the user exists", () => deployment.aliveUsers().length === 1);
  await deployment.stopAws();
  expect(await cutOff).toMatchObject({ code: "Unavailable", reason: "BACKEND_UNAVAILABLE" });
  await deployment.startAws();
  await untilNothingIsLeft(deployment, { withinMs: retryMsMax });

  const key = await deployment.readCreds();
  const expiring = await deployment.readCreds({ ttl: "1s" });
  await deployment.stopAws();
  const { leaseId } = key;
  const pending = await refusalOf(server.leases.revoke({ leaseId }, { timeoutMs: 8000 }));
  expect(pending).toMatchObject({ code: "Unavailable", reason: "REVOCATION_PENDING" });
  const { lease } = await server.leases.lookup({ leaseId });
  expect(lease).toMatchObject({ state: LeaseState.REVOKING });
  expect(lease?.lastError).toMatch(/AWS gave no usable answer/);
  await eventually("the other lease is over", () => Date.now() > expiring.expiresAtMs);
  await deployment.startAws();
  await untilNothingIsLeft(deployment, { withinMs: retryMsMax });
  expect(await deployment.isKeyAlive(key)).toBe(false);
  expect(await deployment.isKeyAlive(expiring)).toBe(false);
});

it.concurrent("a user that AWS creates long after its issue was given up is found and deleted", {
  timeout,
}, async () => {
  await using deployment = await deployAws({ env: { LEASEHOLD_AWS_CONSISTENCY: "6s" } });
  deployment.aws.faults.add({ kind: "latency", ms: 4000, actions: ["CreateUser"], times: 1 });
  const startedMs = performance.now();
  const slow = await refusalOf(deployment.readCreds({ call: { timeoutMs: 8000 } }));
  expect(slow).toMatchObject({ code: "Unavailable", reason: "BACKEND_UNAVAILABLE" });
  expect(performance.now() - startedMs).toBeLessThan(4000);
  expect(deployment.aliveUsers()).toEqual([]);
  expect(await deployment.countLeases()).toBe(1);
  await eventually("the user comes to light", () => deployment.aliveUsers().length === 1);
  await untilNothingIsLeft(deployment, { withinMs: retryMsMax });
});

it.concurrent("a throttled issue is Unavailable, and throttled revocations use no attempt", {
  timeout,
}, async () => {
  // Long enough for every try of an issue, even at the slowest rate.
  await using deployment = await deployAws({ env: { LEASEHOLD_ISSUE_GRACE: "8s" } });
  const { aws, server } = deployment;
  aws.faults.add({ kind: "throttle", callsPerSecond: 0, actions: ["CreateUser"] });
  const throttled = await refusalOf(deployment.readCreds());
  expect(throttled).toMatchObject({
    code: "Unavailable",
    reason: "BACKEND_UNAVAILABLE",
    metadata: { aws_code: expect.stringMatching(/^(Throttling|NotSentForRate)$/) },
  });
  aws.faults.clear();
  await untilNothingIsLeft(deployment, { withinMs: retryMsMax });

  const key = await deployment.readCreds();
  aws.faults.add({ kind: "throttle", callsPerSecond: 0, actions: ["DeleteUser"] });
  const revoked = server.leases.revoke({ leaseId: key.leaseId });
  const refusals = () => aws.calls.counts()["DeleteUser"]?.["Throttling"] ?? 0;
  await eventually("AWS has refused it twice", () => refusals() >= 2);
  expect(await deployment.isKeyAlive(key)).toBe(false);
  const { lease } = await server.leases.lookup({ leaseId: key.leaseId });
  expect(lease).toMatchObject({ state: LeaseState.REVOKING, attempts: 0 });
  aws.faults.clear();
  await revoked;
  expect(deployment.aliveUsers()).toEqual([]);

  const metrics = await (await fetch(`${server.httpUrl}/metrics`)).text();
  for (const shown of [
    'leasehold_aws_calls_total{action="DeleteUser",outcome="Throttling"}',
    'leasehold_aws_throttled_total{account="123456789012",calls="writes"}',
    'leasehold_aws_rate_per_second{account="123456789012",calls="writes"}',
    'leasehold_aws_waiting_calls{account="123456789012",calls="writes",class="disarm"} 0',
    'leasehold_aws_users_quota{account="123456789012"} 5000',
  ])
    expect(metrics).toContain(shown);
});

it.concurrent("what AWS refuses for good is FailedPrecondition with AWS's code, and leaves no lease", {
  timeout,
}, async () => {
  await using deployment = await deployAws();
  const { aws, server } = deployment;
  const writeRoot = (access_key: string, secret_key: string) =>
    server.secrets.write({ path: "aws/config/root", data: { access_key, secret_key, validate: false } });
  const expectRefusal = async (aws_code: string): Promise<void> => {
    const refusal = await refusalOf(deployment.readCreds());
    expect(refusal).toMatchObject({
      code: "FailedPrecondition",
      reason: "BACKEND_REFUSED",
      metadata: { aws_code },
    });
    expect(refusal.message).toContain(aws_code);
    expect(await deployment.countLeases()).toBe(0);
    expect(deployment.aliveUsers()).toEqual([]);
  };

  await writeRoot(tutorialKey.accessKeyId, "not-the-secret-of-this-key");
  await expectRefusal("SignatureDoesNotMatch");
  await writeRoot("AKIAUNKNOWNUNKNOWN00", "whatever");
  await expectRefusal("InvalidClientTokenId");

  const client = new IAMClient({ endpoint: aws.url, region: "us-east-1", credentials: tutorialKey });
  await client.send(new CreateUserCommand({ UserName: "powerless" }));
  const { AccessKey: powerless } = await client.send(new CreateAccessKeyCommand({ UserName: "powerless" }));
  client.destroy();
  await writeRoot(powerless?.AccessKeyId ?? "", powerless?.SecretAccessKey ?? "");
  await expectRefusal("AccessDenied");

  await writeRoot(tutorialKey.accessKeyId, tutorialKey.secretAccessKey);
  aws.faults.add({
    kind: "refuse",
    status: 409,
    code: "LimitExceeded",
    message: "Cannot exceed quota.",
    actions: ["CreateUser"],
  });
  await expectRefusal("LimitExceeded");
  aws.faults.clear();
  expect(await deployment.isKeyAlive(await deployment.readCreds())).toBe(true);
});

it.concurrent("a lost reply of any call leaves one working key at most, and none and no user after the revocation", {
  timeout,
}, async () => {
  await using deployment = await deployAws({ env: { LEASEHOLD_ISSUE_GRACE: "8s" } });
  const { aws, server } = deployment;
  for (const action of ["CreateUser", "PutUserPolicy", "CreateAccessKey"]) {
    aws.faults.add({ kind: "lose-reply", actions: [action], times: 1 });
    const key = await deployment.readCreds();
    expect(aws.calls.counts()[action]).toMatchObject({ lost: 1 });
    expect([...aws.account.users.get(key.user).accessKeys.keys()]).toEqual([key.accessKeyId]);
    expect(await deployment.isKeyAlive(key)).toBe(true);
    await server.leases.revoke({ leaseId: key.leaseId });
    expect(await deployment.isKeyAlive(key)).toBe(false);
    expect(deployment.aliveUsers()).toEqual([]);
  }
  for (const action of ["DeleteAccessKey", "DeleteUserPolicy", "DeleteUser"]) {
    const key = await deployment.readCreds();
    aws.faults.add({ kind: "lose-reply", actions: [action], times: 1 });
    await server.leases.revoke({ leaseId: key.leaseId }).catch((error: unknown) => {
      expect(String(error)).toMatch(/being revoked/);
    });
    expect(aws.calls.counts()[action]).toMatchObject({ lost: 1 });
    await untilNothingIsLeft(deployment, { withinMs: retryMsMax });
    expect(await deployment.isKeyAlive(key)).toBe(false);
  }
});
