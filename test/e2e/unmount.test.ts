import { beforeAll, expect, it } from "vitest";
import { MountState } from "../../gen/leasehold/v1/mounts_pb.ts";
import { type Deployment, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";
import { refusalOf } from "./refusal.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 60_000;
const leaseCount = 3;
/** Attempts at AWS come at least this often while it is away, and a claim of a server that died lasts as long. */
const waitMsMax = 35_000;

async function unmountWhileAwsIsAway(deployment: Deployment): Promise<void> {
  const { mounts, secrets } = deployment.server;
  await deployment.mountAws();
  await deployment.writeRole();
  await Promise.all(Array.from({ length: leaseCount }, () => deployment.readCreds()));
  await deployment.stopAws();
  const { pending, left } = await mounts.unmount({ path: "aws" }, { timeoutMs: 2500 });
  expect(pending).toBe(BigInt(leaseCount));
  expect(left.map(({ path }) => path)).toEqual(Array(leaseCount).fill("aws/creds/deploy"));

  const refused = { code: "FailedPrecondition", reason: "MOUNT_UNMOUNTING" };
  expect(await refusalOf(deployment.readCreds())).toMatchObject(refused);
  expect(await refusalOf(secrets.write({ path: "aws/roles/late", data: {} }))).toMatchObject(refused);
  const taken = { code: "AlreadyExists", reason: "PATH_TAKEN", metadata: { taken_by: "aws" } };
  expect(await refusalOf(mounts.mount({ type: "kv", path: "aws" }))).toMatchObject(taken);
  const listed = await mounts.listMounts({});
  expect(listed.mounts.map(({ state }) => state)).toEqual([MountState.UNMOUNTING]);
}

/** The mount goes by itself, with every user, and its path is free again. */
async function expectUnmounted(deployment: Deployment): Promise<void> {
  const { mounts } = deployment.server;
  const isGone = async () => (await mounts.listMounts({})).mounts.length === 0;
  await eventually("the mount is gone", isGone, { withinMs: waitMsMax });
  await untilNothingIsLeft(deployment);
  await deployment.mountAws();
  expect((await refusalOf(deployment.readCreds())).reason).toBe("NO_SUCH_ROLE");
}

it.concurrent("an unmount while AWS is away says what is pending, and finishes by itself when AWS is back", {
  timeout,
}, async () => {
  await using deployment = await deploy();
  await unmountWhileAwsIsAway(deployment);
  await deployment.startAws();
  await expectUnmounted(deployment);
});

it.concurrent("an unmount while AWS is away is finished by another server, when the one that began it was killed", {
  timeout,
}, async () => {
  await using deployment = await deploy();
  await unmountWhileAwsIsAway(deployment);
  await deployment.server.kill();
  await deployment.startServer();
  await deployment.startAws();
  await expectUnmounted(deployment);
});
