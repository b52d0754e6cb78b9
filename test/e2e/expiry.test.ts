import { beforeAll, expect, it } from "vitest";
import { type Deployment, deploy, type LeasedKey } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 40_000;
const lateMsMax = 1000;

async function deployAws(env: Readonly<Record<string, string>> = {}): Promise<Deployment> {
  const deployment = await deploy({ env });
  await deployment.mountAws();
  await deployment.writeRole();
  return deployment;
}

/**
 * Waits until the lease has ended by itself, and holds that to its time, by AWS's own record of its calls. Where a
 * server listened only since `servedSinceMs`, lateness counts from then.
 */
async function expectPunctualEnd(
  deployment: Deployment,
  leased: LeasedKey,
  servedSinceMs = 0,
): Promise<void> {
  const { user, leaseId, expiresAtMs } = leased;
  await eventually(`${user} is gone`, () => !deployment.aliveUsers().includes(user));
  const done = deployment.aws.calls.recent().filter((call) => call.user === user && call.outcome === "OK");
  const [keyDeletion] = done.filter(({ action }) => action === "DeleteAccessKey");
  const [userDeletion] = done.filter(({ action }) => action === "DeleteUser");
  expect(keyDeletion?.atMs).toBeGreaterThanOrEqual(expiresAtMs);
  expect(userDeletion?.atMs).toBeGreaterThanOrEqual(keyDeletion?.atMs ?? Number.NaN);
  expect(userDeletion?.atMs).toBeLessThan(Math.max(expiresAtMs, servedSinceMs) + lateMsMax);
  expect(await deployment.isKeyAlive(leased)).toBe(false);
  await eventually("the lease is gone", async () => (await deployment.countLeases(leaseId)) === 0);
}

/** Number of claims that a source woke, as `/metrics` tells. */
async function claimsWokenBy({ server }: Deployment, source: string): Promise<number> {
  const text = await (await fetch(`${server.httpUrl}/metrics`)).text();
  return Number(
    new RegExp(`^leasehold_lease_claims_total\\{woken_by="${source}"\\} (\\d+)$`, "m").exec(text)?.[1],
  );
}

it.concurrent("a lease is revoked within a second of its expiry, and not before, also when the subscriber was cut off just before", {
  timeout,
}, async () => {
  await using deployment = await deployAws();
  const plain = await deployment.readCreds({ ttl: "2s" });
  expect(await deployment.isKeyAlive(plain)).toBe(true);
  await expectPunctualEnd(deployment, plain);

  const cut = await deployment.readCreds({ ttl: "2s" });
  await eventually("the lease is about to expire", () => Date.now() >= cut.expiresAtMs - 80);
  expect(await deployment.redisConnection.call("CLIENT", "KILL", "TYPE", "pubsub")).toBe(1);
  await expectPunctualEnd(deployment, cut);
});

it.concurrent("a lease is revoked within a second of its expiry by the timer alone, when Redis tells of no events", {
  timeout,
}, async () => {
  await using deployment = await deployAws();
  await deployment.redis.configSet("notify-keyspace-events", "");
  await expectPunctualEnd(deployment, await deployment.readCreds({ ttl: "2s" }));
  expect(await claimsWokenBy(deployment, "timer")).toBe(1);
  expect(await claimsWokenBy(deployment, "event")).toBe(0);
});

it.concurrent("a lease is revoked within a second of its expiry by the event alone, with the timer off", {
  timeout,
}, async () => {
  await using deployment = await deployAws({ LEASEHOLD_EXPIRY_TIMER: "off" });
  await expectPunctualEnd(deployment, await deployment.readCreds({ ttl: "2s" }));
  expect(await claimsWokenBy(deployment, "event")).toBeGreaterThan(0);
  expect(await claimsWokenBy(deployment, "timer")).toBe(0);
});

it.concurrent("leases are revoked on time after the server was killed and started again, and at once where they expired meanwhile", {
  timeout,
}, async () => {
  await using deployment = await deployAws();
  const later = await deployment.readCreds({ ttl: "5s" });
  const meanwhile = await deployment.readCreds({ ttl: "1s" });
  await deployment.server.kill();
  await eventually("the second lease has expired", () => Date.now() > meanwhile.expiresAtMs + 300);
  expect(await deployment.isKeyAlive(meanwhile)).toBe(true);
  await deployment.startServer();
  const startedAtMs = Date.now();
  await expectPunctualEnd(deployment, meanwhile, startedAtMs);
  await expectPunctualEnd(deployment, later, startedAtMs);
  expect(deployment.aliveUsers()).toEqual([]);
});
