import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import { backendTypes } from "../../../../src/backends/index.ts";
import { createBarrier } from "../../../../src/core/barrier.ts";
import { systemClock } from "../../../../src/core/clock.ts";
import { type Core, createCore } from "../../../../src/core/core.ts";
import type { JsonObject } from "../../../../src/core/json.ts";
import type { OperationName, Operations } from "../../../../src/core/requests.ts";
import { type Simulator, startSimulator } from "../../../../src/dev/simulator/simulator.ts";
import { testSettings } from "../../../kit/core-harness.ts";
import { createMemoryLeaseStore } from "../../../kit/memory-lease-store.ts";
import { createMemoryStorage } from "../../../kit/memory-storage.ts";
import { rootKey, tutorialPolicy } from "../mounted-aws.ts";

const token = "root-token-of-the-test";
const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });

let simulator: Simulator;
let core: Core;
let failures: string[];

beforeEach(async () => {
  simulator = await startSimulator();
  failures = [];
});

afterEach(async () => {
  await core.stop();
  await simulator.close();
});

/** Starts a server on an empty storage, mounts `aws` at it, and answers the accessor. */
async function startOnEmptyStorage(options: { readonly isObserveOnly: boolean }): Promise<string> {
  const leases = createMemoryLeaseStore({ nowMs: systemClock.nowMs });
  core = createCore({
    ...options,
    leases,
    storage: createMemoryStorage({
      mountState: (accessor) => leases.mountState(accessor),
      raiseEpoch: (accessor) => leases.raiseEpoch(accessor),
    }),
    wakeups: leases.createWakeups(),
    barrier,
    backendTypes: backendTypes({
      aws: { consistencyMs: 300_000, iamEndpoint: simulator.url, stsEndpoint: simulator.url },
    }),
    rootToken: token,
    settings: testSettings,
    telemetry: {
      handled: () => {},
      claimed: () => {},
      issued: () => {},
      revoked: () => {},
      observing: () => {},
      revocationFailed: ({ error }) => void failures.push(error),
      backgroundFailed: (_, error) => void failures.push(String(error)),
    },
    clock: systemClock,
  });
  await core.start();
  const { accessor } = await ask("mount", { type: "aws", path: "aws", description: "", tuning: {} });
  await write("aws/config/root", rootKey);
  return accessor;
}

function ask<Name extends OperationName>(operation: Name, input: Operations[Name]["input"]) {
  return core.handle(operation, input, {
    token,
    signal: new AbortController().signal,
    deadlineMs: systemClock.nowMs() + 30_000,
    peer: "127.0.0.1:1",
    requestId: "request-1",
  });
}

const write = async (path: string, data: JsonObject) => (await ask("write", { path, data })).data ?? {};
const leasedUsers = () => [...simulator.account.users.all()].filter(({ path }) => path === "/leasehold/");
const leasesLive = async () => (await ask("countLeases", { prefix: "aws/" })).total;

async function issue(ttl: string): Promise<string> {
  const { lease } = await ask("read", { path: "aws/creds/deploy", data: { ttl } });
  if (lease === undefined) throw new Error("Nothing was leased.");
  return lease.id;
}

/** Waits for something that happens by itself, for ten seconds at most. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.nowMs() + 10_000;
  while (!(await isSo())) {
    if (systemClock.nowMs() > deadlineMs)
      throw new Error(`It did not happen. Failures: ${failures.join("; ")}`);
    await systemClock.sleep(20);
  }
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
  await until(() => systemClock.nowMs() > expiresAtMs + 500);
  expect(leasedUsers()).toHaveLength(5);

  await ask("operatorResume", {});
  await until(() => leasedUsers().length === 1);
  await ask("revokeLease", { leaseId: long });
  expect(leasedUsers()).toEqual([]);
  await until(async () => (await leasesLive()) === 0);
  expect(failures).toEqual([]);
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
  await until(async () => leasedUsers().length === 0 && (await leasesLive()) === 0);
  expect(failures).toEqual([]);
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
