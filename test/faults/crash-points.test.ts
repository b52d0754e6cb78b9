import { describe, expect, it } from "vitest";
import { LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { eventually } from "../e2e/eventually.ts";
import { guardEndsAtMs } from "../e2e/guard-time.ts";
import { untilNothingIsLeft } from "../e2e/nothing-left.ts";
import {
  type Crash,
  type CrashPlay,
  type CrashPoint,
  findCrashPoints,
  startVictims,
  wordPoint,
} from "../kit/crash-points.ts";
import { type DeployedServer, type Deployment, deploy, type LeasedKey } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";

const executable = await testRedisExecutable();

const timeout = 300_000;
/** Longer than a grace, and than a claim of a server that died. */
const withinMs = 120_000;
/** Longer than it takes to have all servers killed, on a machine that does other things as well. */
const graceMs = 8_000;
const call = { timeoutMs: 30_000 };
const path = "aws/creds/deploy";

/** A deployment with one server, which has used every script, so that Redis knows them all by name. */
async function setScene(more: Readonly<Record<string, string>> = {}): Promise<Deployment> {
  const env = { LEASEHOLD_ISSUE_GRACE: `${graceMs}ms`, ...more };
  const deployment = await deploy({ redis: { executable }, env });
  try {
    await deployment.mountAws();
    await deployment.writeRole();
    const { leaseId } = await deployment.readCreds();
    await deployment.server.leases.renew({ leaseId });
    await deployment.server.leases.revoke({ leaseId });
    return deployment;
  } catch (error) {
    await deployment.stop();
    throw error;
  }
}

/** Whether another server lives when one is killed, or is started afterwards. */
const survivors = ["while another one lives", "and is followed by another one"] as const;

/** Kills a server at each point of a play. The newest server is the survivor. */
async function killAll<Subject>(
  play: CrashPlay<Subject>,
  points: readonly CrashPoint[],
  survivor: (typeof survivors)[number],
): Promise<readonly Crash<Subject>[]> {
  const { deployment } = play;
  await using victims = await startVictims(play, points);
  await deployment.servers[0]?.kill();
  if (survivor === "while another one lives") await deployment.startServer();
  const crashes = await victims.kill();
  if (survivor !== "while another one lives") await deployment.startServer();
  // Nobody heard anything.
  expect(crashes.filter(({ outcome }) => outcome.status === "fulfilled")).toEqual([]);
  return crashes;
}

const namesOf = (points: readonly CrashPoint[]): readonly string[] =>
  points.map(({ call: { name } }) => name);

/** The points before a call has had its effect. */
const untilEffectOf = (name: string, points: readonly CrashPoint[]): readonly string[] =>
  points
    .slice(
      0,
      points.findIndex(({ call, when }) => call.name === name && when === "after"),
    )
    .map(wordPoint);

const issuing = [
  "redis:begin",
  "aws:CreateUser",
  "aws:PutUserPolicy",
  "aws:CreateAccessKey",
  "redis:activate",
];
const revoking = ["redis:claim", "aws:DeleteAccessKey", "aws:DeleteUser", "redis:finish"];
const renewing = ["aws:PutUserPolicy", "aws:TagUser", "redis:renew"];

// One after the other: a server that waits to be killed costs the others time.
describe.each(survivors)("A server that is killed %s", (survivor) => {
  it("leaves no user and no lease, at whichever call of an issue", { timeout }, async () => {
    await using deployment = await setScene();
    const play = {
      deployment,
      prepare: async () => ({ path, parameters: { ttl: "10s" } }),
      act: ({ secrets }: DeployedServer, request: object) => secrets.read(request, call),
    };
    const points = await findCrashPoints(play);
    expect(namesOf(points)).toEqual(expect.arrayContaining(issuing));
    await killAll(play, points, survivor);
    await untilNothingIsLeft(deployment, { withinMs });
  });

  it("leaves no user and no lease, at whichever call of a revocation that had been accepted", {
    timeout,
  }, async () => {
    // A revocation of what AWS may not have settled records that it sends DeleteUser: all of these are to do so.
    await using deployment = await setScene({ LEASEHOLD_AWS_CONSISTENCY: "45s" });
    const [first] = deployment.servers;
    const play = {
      deployment,
      prepare: () => deployment.readCreds({ ...(first ? { from: first } : {}), ttl: "1h" }),
      act: ({ leases }: DeployedServer, { leaseId }: LeasedKey) => leases.revoke({ leaseId }, call),
    };
    const points = await findCrashPoints(play);
    expect(namesOf(points)).toEqual(expect.arrayContaining(revoking));
    const crashes = await killAll(play, points, survivor);
    const { leases } = deployment.server;
    const untouched = crashes.filter(({ point }) =>
      untilEffectOf("redis:claim", points).includes(wordPoint(point)),
    );
    const untouchedUsers = untouched.map(({ subject: { user } }) => user).sort();
    await eventually("the others are gone", () => deployment.aliveUsers().length <= untouched.length, {
      withinMs,
    });
    expect([...deployment.aliveUsers()].sort()).toEqual(untouchedUsers);
    for (const { subject } of crashes) await leases.revoke({ leaseId: subject.leaseId }, call);
    await untilNothingIsLeft(deployment, { withinMs });
  });
});

describe("A server that is killed while another one lives", () => {
  const survivor = survivors[0];

  it("leaves whoever asks again with one user and one key, at whichever call of an issue", {
    timeout,
  }, async () => {
    await using deployment = await setScene();
    const play = {
      deployment,
      prepare: async () => ({ path, idempotencyKey: crypto.randomUUID() }),
      act: ({ secrets }: DeployedServer, request: object) => secrets.read(request, call),
    };
    const points = await findCrashPoints(play);
    await deployment.servers[0]?.leases.revokePrefix({ prefix: "aws" }, call);
    const crashes = await killAll(play, points, survivor);
    const { server, aws } = deployment;
    const keys = new Set<string>();
    for (const { subject, point } of crashes) {
      // Until the first try is cleaned away, the repeat may be told to come again.
      await eventually(
        `whoever was cut off ${wordPoint(point)} has a key`,
        async () => {
          const { data } = await server.secrets.read(subject, call).catch(() => ({ data: undefined }));
          if (data) keys.add(String(data["access_key"]));
          return data !== undefined;
        },
        { withinMs },
      );
    }
    await eventually("each has one user", () => deployment.aliveUsers().length === points.length, {
      withinMs,
    });
    const alive = deployment
      .aliveUsers()
      .flatMap((user) => [...aws.account.users.get(user).accessKeys.keys()]);
    expect(new Set(alive)).toEqual(keys);
    expect(alive).toHaveLength(points.length);
    await server.leases.revokePrefix({ prefix: "aws" }, call);
    await untilNothingIsLeft(deployment, { withinMs });
  });

  it("leaves a lease whose key works until its end, at whichever call of a renewal", {
    timeout,
  }, async () => {
    await using deployment = await setScene();
    const { aws } = deployment;
    const [first] = deployment.servers;
    const increment = { seconds: 7200n };
    const play = {
      deployment,
      prepare: () => deployment.readCreds({ ...(first ? { from: first } : {}), ttl: "1h" }),
      act: ({ leases }: DeployedServer, { leaseId }: LeasedKey) => leases.renew({ leaseId, increment }, call),
    };
    const points = await findCrashPoints(play);
    expect(namesOf(points)).toEqual(expect.arrayContaining(renewing));
    const crashes = await killAll(play, points, survivor);
    const { leases } = deployment.server;
    for (const { subject, point } of crashes) {
      const { leaseId, user } = subject;
      const where = wordPoint(point);
      const { lease } = await leases.lookup({ leaseId });
      expect(lease?.state, where).toBe(LeaseState.ACTIVE);
      expect(await deployment.isKeyAlive(subject), where).toBe(true);
      expect(guardEndsAtMs(aws, user), where).toBeGreaterThan(Number(lease?.expiresAt?.seconds) * 1000);
      await leases.renew({ leaseId, increment }, call);
    }
    await leases.revokePrefix({ prefix: "aws" }, call);
    await untilNothingIsLeft(deployment, { withinMs });
  });
});
