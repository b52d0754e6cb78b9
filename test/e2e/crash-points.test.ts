import { beforeAll, expect, it } from "vitest";
import { type CrashPoint, startVictims } from "../kit/crash-points.ts";
import { type DeployedServer, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";

beforeAll(testRedisExecutable, 180_000);

/** Four of all the points at which the tests of faults kill a server: each leaves something else behind. */
const points: readonly CrashPoint[] = [
  { call: { name: "redis:begin", nth: 1 }, when: "after" },
  { call: { name: "aws:CreateUser", nth: 1 }, when: "after" },
  { call: { name: "aws:CreateAccessKey", nth: 1 }, when: "after" },
  { call: { name: "redis:activate", nth: 1 }, when: "after" },
];

it("a server that is killed between the effect of a call and its answer hands out no secret, and another one ends what it began", {
  timeout: 90_000,
}, async () => {
  await using deployment = await deploy({ env: { LEASEHOLD_ISSUE_GRACE: "4s" } });
  await deployment.mountAws();
  await deployment.writeRole();
  // Redis knows the scripts by name from here on.
  const { leaseId } = await deployment.readCreds();
  await deployment.server.leases.revoke({ leaseId });
  const request = { path: "aws/creds/deploy", parameters: { ttl: "8s" } };
  await using victims = await startVictims(
    {
      deployment,
      prepare: async () => request,
      act: ({ secrets }: DeployedServer) => secrets.read(request, { timeoutMs: 30_000 }),
    },
    points,
  );
  await deployment.startServer();
  const crashes = await victims.kill();
  expect(crashes.map(({ outcome: { status } }) => status)).toEqual(points.map(() => "rejected"));
  // All but the first had made their user.
  expect(deployment.aws.calls.counts()["CreateUser"]).toEqual({ OK: 4 });
  await untilNothingIsLeft(deployment, { withinMs: 40_000 });
});
