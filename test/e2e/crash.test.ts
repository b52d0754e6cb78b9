import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { type DeployedServer, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { guardEndsAtMs } from "./guard-time.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 80_000;
const graceMs = 5000;
const latencyMs = 60;
const batch = 4;
/** When a server is killed, as shares of the time that a batch of issues takes. */
const killsAt = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2];
/** All kills have to be done before the first lease comes due: a claim that dies with its server is another matter. */
const issueMsMax = 500;
/** How long a claim of a server that died holds the others off, and time for what comes after. */
const claimMsMax = 35_000;

it.concurrent("a server that is killed at any moment of an issue leaves no user behind", {
  timeout,
}, async () => {
  await using deployment = await deploy({
    servers: killsAt.length,
    env: { LEASEHOLD_ISSUE_GRACE: `${graceMs}ms` },
  });
  const { servers, aws } = deployment;
  await deployment.mountAws();
  await deployment.writeRole({ fields: { default_ttl: "6s" } });
  aws.faults.add({ kind: "latency", ms: latencyMs });
  const issue = (from: DeployedServer) =>
    Promise.allSettled(Array.from({ length: batch }, () => deployment.readCreds({ from })));
  // The first issues of a server are its slowest, and the second ones tell how long an issue takes here and now.
  await Promise.all(servers.map(issue));
  const startedMs = performance.now();
  await issue(deployment.server);
  const issueMs = Math.min(performance.now() - startedMs, issueMsMax);
  await deployment.server.leases.revokePrefix({ prefix: "aws" });
  await untilNothingIsLeft(deployment);
  aws.calls.clear();

  const batches: ReturnType<typeof issue>[] = [];
  for (const [at, share] of killsAt.entries()) {
    const from = servers[at];
    if (from === undefined) throw new Error("There are fewer servers than kills.");
    batches.push(issue(from));
    await sleep(share * issueMs);
    process.kill(from.pid, "SIGKILL");
  }
  const killedAtMs = performance.now();
  const ended = (await Promise.all(batches)).flat();
  const handedOut = ended.filter(({ status }) => status === "fulfilled").length;
  // The kills did strike half-made users.
  expect(aws.calls.counts()["CreateUser"]?.["OK"] ?? 0).toBeGreaterThan(handedOut);

  await deployment.startServer();
  const withinMs = killedAtMs + 2 * graceMs - performance.now();
  await eventually("no user is left", () => deployment.aliveUsers().length === 0, { withinMs });
  await untilNothingIsLeft(deployment);
});

it.concurrent("servers that are killed during a renewal, revocations and an unmount lose no lease and forget no user", {
  timeout,
}, async () => {
  await using deployment = await deploy({ servers: 5 });
  const { aws, servers } = deployment;
  await deployment.mountAws();
  await deployment.mountAws("team/aws");
  await deployment.writeRole();
  await deployment.writeRole({ path: "team/aws/roles/deploy" });
  const issue = (path: string) => deployment.readCreds({ path });
  const keys = await Promise.all(Array.from({ length: 6 }, () => issue("aws/creds/deploy")));
  await Promise.all(Array.from({ length: 4 }, () => issue("team/aws/creds/deploy")));
  aws.calls.clear();
  aws.faults.add({ kind: "latency", ms: latencyMs });
  /** Kills a server once AWS has answered one of the calls that it makes for the caller. */
  const killDuring = async (
    victim: number,
    action: string,
    call: (server: DeployedServer) => readonly Promise<unknown>[],
  ): Promise<void> => {
    const server = servers[victim];
    if (server === undefined) throw new Error("There are fewer servers than kills.");
    const count = () => aws.calls.counts()[action]?.["OK"] ?? 0;
    const before = count();
    const ended = Promise.allSettled(call(server));
    await eventually(`${action} was called`, () => count() > before);
    process.kill(server.pid, "SIGKILL");
    await ended;
  };

  await killDuring(0, "PutUserPolicy", ({ leases }) =>
    keys.map(({ leaseId }) => leases.renew({ leaseId, increment: { seconds: 7200n } })),
  );
  for (const { leaseId, user } of keys) {
    const { lease } = await deployment.server.leases.lookup({ leaseId });
    expect(guardEndsAtMs(aws, user)).toBeGreaterThan(Number(lease?.expiresAt?.seconds) * 1000);
  }
  const [one, two, three] = keys;
  await killDuring(1, "DeleteAccessKey", ({ leases }) => [leases.revoke({ leaseId: one?.leaseId ?? "" })]);
  await killDuring(2, "DeleteUser", ({ leases }) =>
    [two, three].map((key) => leases.revoke({ leaseId: key?.leaseId ?? "" })),
  );
  await killDuring(3, "DeleteAccessKey", ({ mounts }) => [mounts.unmount({ path: "team/aws" })]);

  const { leases, mounts } = deployment.server;
  await leases.revokePrefix({ prefix: "aws" }, { timeoutMs: claimMsMax });
  await untilNothingIsLeft(deployment, { withinMs: claimMsMax });
  const paths = async () => (await mounts.listMounts({})).mounts.map(({ path }) => path);
  await eventually("the mount is gone", async () => (await paths()).join() === "aws");
});
