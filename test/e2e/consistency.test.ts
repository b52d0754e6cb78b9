import { beforeAll, expect, it } from "vitest";
import { LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 40_000;
const delayMs = 3000;
/** Longer than AWS takes in these tests to agree with itself. */
const env = { LEASEHOLD_AWS_CONSISTENCY: "6s", LEASEHOLD_ISSUE_GRACE: "8s" };

it.concurrent("a lease that is revoked while AWS does not know its new user yet is never forgotten, and its key dies", {
  timeout,
}, async () => {
  await using deployment = await deploy({ env });
  const { aws, server } = deployment;
  await deployment.mountAws();
  await deployment.writeRole();
  const key = await deployment.readCreds();
  const { leaseId } = key;
  // One part of AWS has made the user; the one that is asked next has not heard of it.
  aws.faults.add({
    kind: "refuse",
    code: "NoSuchEntity",
    message: `The user with name ${key.user} cannot be found.`,
    actions: ["GetUser", "DeleteUser", "ListAccessKeys", "DeleteAccessKey", "DeleteUserPolicy"],
    status: 404,
  });
  const refusedSinceMs = Date.now();
  const revoked = server.leases.revoke({ leaseId });
  await eventually("AWS has denied the user for three seconds", async () => {
    const { lease } = await server.leases.lookup({ leaseId });
    expect(lease?.state === LeaseState.REVOKING || lease?.state === LeaseState.ACTIVE).toBe(true);
    return Date.now() - refusedSinceMs >= delayMs;
  });
  const asked = aws.calls.counts()["DeleteAccessKey"]?.["NoSuchEntity"] ?? 0;
  expect(asked).toBeGreaterThan(0);
  aws.faults.clear();
  await revoked;
  expect(await deployment.isKeyAlive(key)).toBe(false);
  expect(deployment.aliveUsers()).toEqual([]);
  expect(await deployment.countLeases()).toBe(0);
});

it.concurrent("a user and a key that come to light seconds after they were created are revoked all the same", {
  timeout,
}, async () => {
  await using deployment = await deploy({ env });
  const { aws, server } = deployment;
  await deployment.mountAws();
  await deployment.writeRole();
  aws.faults.add({ kind: "creation-delay", ms: delayMs, actions: ["CreateUser", "CreateAccessKey"] });
  // The read waits for the user; its key comes to light three seconds later still.
  const [revokedAtOnce, abandoned] = await Promise.all([
    deployment.readCreds(),
    deployment.readCreds({ call: { timeoutMs: delayMs / 3 } }).catch(() => undefined),
  ]);
  expect(abandoned).toBeUndefined();
  await server.leases.revoke({ leaseId: revokedAtOnce.leaseId });
  await untilNothingIsLeft(deployment, { withinMs: 25_000 });
  expect(await deployment.isKeyAlive(revokedAtOnce)).toBe(false);
});

it.concurrent("a user and a key that AWS shows for seconds after their deletion are gone in the end, and end their lease once", {
  timeout,
}, async () => {
  await using deployment = await deploy({ env });
  const { aws, server } = deployment;
  await deployment.mountAws();
  await deployment.writeRole();
  aws.faults.add({ kind: "deletion-delay", ms: delayMs });
  const key = await deployment.readCreds();
  const expiring = await deployment.readCreds({ ttl: "1s" });
  await server.leases.revoke({ leaseId: key.leaseId });
  await server.leases.revoke({ leaseId: key.leaseId });
  await eventually("no lease is left", async () => (await deployment.countLeases()) === 0);
  for (const dying of [key, expiring]) {
    await eventually("the key is dead", async () => !(await deployment.isKeyAlive(dying)));
  }
  expect(deployment.aliveUsers()).toEqual([]);
  expect(aws.calls.counts()["DeleteUser"]).toEqual({ OK: 2 });
});
