import type { JsonObject } from "@bufbuild/protobuf";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Deployment, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";

beforeAll(testRedisExecutable, 180_000);

let world: Deployment;

beforeEach(async () => {
  world = await deploy();
});
afterEach(() => world.stop());

async function operate(call: "Status" | "Resume"): Promise<Record<string, unknown>> {
  const answer = await fetch(`${world.server.httpUrl}/leasehold.v1.OperatorService/${call}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${world.rootToken}` },
    body: "{}",
  });
  return JSON.parse(await answer.text());
}

async function adopt(data: JsonObject): Promise<JsonObject | undefined> {
  return (await world.server.secrets.write({ path: "aws/adopt", data })).data;
}

test("leases that Redis lost are adopted from the tags at AWS, and end once a person says go", async () => {
  const first = world.server;
  await world.mountAws();
  await world.writeRole();
  const [lost] = (await first.mounts.listMounts({})).mounts;
  const keys = await Promise.all(Array.from({ length: 5 }, () => world.readCreds({ ttl: "6s" })));
  await first.stop();
  await world.redisConnection.flushall();

  const second = await world.startServer({ LEASEHOLD_OBSERVE_ONLY: "true" });
  await world.mountAws();
  const { data } = await second.secrets.read({ path: "aws/orphans" });
  expect(data).toMatchObject({ foreign: 5, orphans: 0, live: 0 });
  expect(await adopt({ accessor: lost?.accessor ?? "" })).toMatchObject({ adopted: 5, left: 0 });
  expect(await adopt({ accessor: lost?.accessor ?? "" })).toMatchObject({ live: 5, adopted: 0 });
  const leaseId = keys[0]?.leaseId ?? "";
  expect((await second.leases.lookup({ leaseId })).lease).toMatchObject({ id: leaseId, renewable: false });
  await expect.poll(async () => (await operate("Status"))["wouldRevoke"], { timeout: 15_000 }).toBe("5");
  expect(world.aliveUsers()).toHaveLength(5);

  await operate("Resume");
  await expect.poll(() => world.aliveUsers(), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => world.countLeases("aws/"), { timeout: 10_000 }).toBe(0);
}, 90_000);
