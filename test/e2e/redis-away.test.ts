import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { beforeAll, expect, it } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { deploy, type LeasedKey } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";
import { type Refusal, refusalOf, wordRefusal } from "./refusal.ts";

beforeAll(testRedisExecutable, 180_000);

const answerMsMax = 2000;

it.concurrent("while Redis is away every call is Unavailable at once; when it is back all goes on, and no lease is lost", {
  timeout: 40_000,
}, async () => {
  await using deployment = await deploy({ redis: { appendFsync: "always" } });
  const { redis, server } = deployment;
  const { mounts, secrets, leases } = server;
  const sessionManager = new Http2SessionManager(server.grpcUrl);
  const health = createClient(Health, createGrpcTransport({ baseUrl: server.grpcUrl, sessionManager }));
  const servingStatus = async () => (await health.check({})).status;
  const isReady = async () => (await fetch(`${server.httpUrl}/readyz`)).status;
  await deployment.mountAws();
  await deployment.writeRole();
  const key = await deployment.readCreds();
  const short = await deployment.readCreds({ ttl: "3s" });
  const { leaseId } = key;
  expect(await servingStatus()).toBe(Status.SERVING);
  expect(await isReady()).toBe(200);

  await redis.kill();
  const calls = {
    read: () => secrets.read({ path: "aws/creds/deploy" }),
    "read of a role": () => secrets.read({ path: "aws/roles/deploy" }),
    write: () => secrets.write({ path: "aws/config/lease", data: { lease: "1h", lease_max: "2h" } }),
    list: () => secrets.list({ path: "aws/roles" }),
    delete: () => secrets.delete({ path: "aws/roles/deploy" }),
    mount: () => mounts.mount({ type: "kv" }),
    unmount: () => mounts.unmount({ path: "aws" }),
    listMounts: () => mounts.listMounts({}),
    tuneMount: () => mounts.tuneMount({ path: "aws", description: "x" }),
    lookup: () => leases.lookup({ leaseId }),
    listLeases: () => leases.list({}),
    renew: () => leases.renew({ leaseId }),
    revoke: () => leases.revoke({ leaseId }),
    revokePrefix: () => leases.revokePrefix({ prefix: "aws" }),
    count: () => leases.count({}),
  };
  for (const [name, call] of Object.entries(calls)) {
    const startedMs = performance.now();
    const { code, reason } = await refusalOf(call());
    expect({ name, code, reason }).toEqual({ name, code: "Unavailable", reason: "STORAGE_UNAVAILABLE" });
    expect(performance.now() - startedMs).toBeLessThan(answerMsMax);
  }
  await eventually("the health says so", async () => (await servingStatus()) === Status.NOT_SERVING, {
    withinMs: answerMsMax,
  });
  expect(await isReady()).toBe(503);
  expect((await fetch(`${server.httpUrl}/healthz`)).status).toBe(200);
  await eventually("the short lease is over", () => Date.now() > short.expiresAtMs);
  expect(await deployment.isKeyAlive(short)).toBe(true);

  await redis.restart();
  await eventually("the health says so", async () => (await servingStatus()) === Status.SERVING);
  expect(await isReady()).toBe(200);
  await eventually(
    "the lease that ran out meanwhile has ended",
    () => !deployment.aliveUsers().includes(short.user),
    {
      withinMs: 3000,
    },
  );
  const { lease } = await leases.lookup({ leaseId });
  expect(lease?.id).toBe(leaseId);
  const next = await deployment.readCreds({ ttl: "1s" });
  await eventually("it ends on time", () => !deployment.aliveUsers().includes(next.user), { withinMs: 3000 });
  await leases.revoke({ leaseId });
  expect(await deployment.isKeyAlive(key)).toBe(false);
  expect(deployment.aliveUsers()).toEqual([]);
  sessionManager.abort();
});

it.concurrent("a Redis that dies amid issues leaves no user behind once it is back, and nobody with a key but no lease", {
  timeout: 80_000,
}, async () => {
  // So long that no issue here takes too long for its own grace, even on a busy machine: Redis alone ends them.
  const env = { LEASEHOLD_ISSUE_GRACE: "20s" };
  await using deployment = await deploy({ redis: { appendFsync: "always" }, env });
  const { aws, redis } = deployment;
  await deployment.mountAws();
  await deployment.writeRole({ fields: { default_ttl: "5s" } });
  await deployment.readCreds();
  aws.faults.add({ kind: "latency", ms: 60 });
  const issues: Promise<LeasedKey | Refusal>[] = [];
  // Begun one after the other, so that the end of Redis finds issues at every stage.
  for (let count = 0; count < 24; count++) {
    issues.push(deployment.readCreds().catch(wordRefusal));
    await sleep(8);
  }
  await redis.kill();
  const outcomes = await Promise.all(issues);
  const refusals = outcomes.filter((outcome) => "reason" in outcome);
  expect(new Set(refusals.map(({ code, reason }) => `${code} ${reason}`))).toEqual(
    new Set(["Unavailable STORAGE_UNAVAILABLE"]),
  );
  await redis.restart();
  await eventually("the server is back", () =>
    deployment.countLeases().then(
      () => true,
      () => false,
    ),
  );
  // A lease of which its server never heard that it had begun comes due at the end of its grace.
  await untilNothingIsLeft(deployment, { withinMs: 40_000 });
  for (const outcome of outcomes)
    if ("accessKeyId" in outcome) expect(await deployment.isKeyAlive(outcome)).toBe(false);
});
