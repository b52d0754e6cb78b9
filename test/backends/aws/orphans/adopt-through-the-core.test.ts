import { afterEach, beforeEach, expect, it } from "vitest";
import { systemClock } from "../../../../src/core/clock.ts";
import type { JsonObject } from "../../../../src/core/json.ts";
import { type Simulator, startSimulator } from "../../../../src/dev/simulator/simulator.ts";
import { tutorialPolicy } from "../mounted-aws.ts";
import { type SimulatedCore, startSimulatedCore } from "../simulated-core.ts";

let simulator: Simulator;
let core: SimulatedCore;

beforeEach(async () => {
  simulator = await startSimulator();
});

afterEach(async () => {
  await core.stop();
  await simulator.close();
});

/** Starts a server on an empty storage, mounts `aws` at it, and answers the accessor. */
async function startOnEmptyStorage(options: { readonly isObserveOnly: boolean }): Promise<string> {
  core = await startSimulatedCore(simulator, options);
  return core.accessor;
}

const ask: SimulatedCore["ask"] = (operation, input) => core.ask(operation, input);
const write = async (path: string, data: JsonObject) => (await core.write(path, data)).data ?? {};
const leasedUsers = () => core.leasedUsers();
const leasesLive = async () => (await ask("countLeases", { prefix: "aws/" })).total;

async function issue(ttl: string): Promise<string> {
  const { lease } = await ask("read", { path: "aws/creds/deploy", data: { ttl } });
  if (lease === undefined) throw new Error("Nothing was leased.");
  return lease.id;
}

it("has leases end on time, or when revoked, that were adopted after all of the storage was lost", async () => {
  const lost = await startOnEmptyStorage({ isObserveOnly: false });
  await write("aws/roles/deploy", { policy_document: tutorialPolicy });
  const short = await Promise.all(["4s", "4s", "5s", "5s"].map(issue));
  const long = await issue("200s");
  await core.stop();

  const accessor = await startOnEmptyStorage({ isObserveOnly: true });
  expect(accessor).not.toBe(lost);
  expect((await ask("read", { path: "aws/orphans", data: {} })).data).toMatchObject({
    orphans: 0,
    foreign: 5,
  });
  expect(await write("aws/adopt", { accessor: lost })).toMatchObject({ orphans: 5, adopted: 5, left: 0 });
  expect(await write("aws/adopt", { accessor: lost })).toMatchObject({ live: 5, adopted: 0, left: 0 });
  for (const leaseId of [...short, long]) {
    expect(await ask("lookupLease", { leaseId })).toMatchObject({ id: leaseId, isRenewable: false });
  }
  const { expiresAtMs } = await ask("lookupLease", { leaseId: short[0] ?? "" });
  await core.until(() => systemClock.nowMs() > expiresAtMs + 500);
  expect(leasedUsers()).toHaveLength(5);

  await ask("operatorResume", {});
  await core.until(() => leasedUsers().length === 1);
  await ask("revokeLease", { leaseId: long });
  expect(leasedUsers()).toEqual([]);
  await core.until(async () => (await leasesLive()) === 0);
  expect(core.failures).toEqual([]);
}, 30_000);

it("ends at once what was over for long when it was adopted", async () => {
  const lost = await startOnEmptyStorage({ isObserveOnly: false });
  await write("aws/roles/deploy", { policy_document: tutorialPolicy });
  await issue("60s");
  await core.stop();
  for (const { tags } of leasedUsers()) {
    tags.set("leasehold:expires", { key: "leasehold:expires", value: "2026-01-01T00:00:00Z" });
  }
  await startOnEmptyStorage({ isObserveOnly: false });
  expect(await write("aws/tidy", { accessor: lost, dry_run: true })).toMatchObject({ would_remove: 1 });
  expect(await write("aws/adopt", { accessor: lost })).toMatchObject({ expired_orphans: 1, adopted: 1 });
  await core.until(async () => leasedUsers().length === 0 && (await leasesLive()) === 0);
  expect(core.failures).toEqual([]);
}, 30_000);

it("removes from AWS what is over and has no lease", async () => {
  const lost = await startOnEmptyStorage({ isObserveOnly: false });
  await write("aws/roles/deploy", {
    policy_document: tutorialPolicy,
    policy_arns: "arn:aws:iam::aws:policy/ReadOnlyAccess",
  });
  await issue("60s");
  await issue("60s");
  await core.stop();
  const [first] = leasedUsers();
  first?.tags.set("leasehold:expires", { key: "leasehold:expires", value: "2026-01-01T00:00:00Z" });
  await startOnEmptyStorage({ isObserveOnly: false });
  expect(await write("aws/tidy", { accessor: lost })).toMatchObject({
    ...{ orphans: 1, expired_orphans: 1, removed: 1, removed_users: [first?.name], left: 0 },
  });
  expect(leasedUsers()).toHaveLength(1);
});
