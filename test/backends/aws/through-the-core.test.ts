import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/core/json.ts";
import { type Simulator, startSimulator } from "../../../src/dev/simulator/simulator.ts";
import { tutorialPolicy } from "./mounted-aws.ts";
import { type SimulatedCore, startSimulatedCore } from "./simulated-core.ts";

let simulator: Simulator;
let core: SimulatedCore;

beforeEach(async () => {
  simulator = await startSimulator();
  core = await startSimulatedCore(simulator);
});

afterEach(async () => {
  await core.stop();
  await simulator.close();
});

const ask: SimulatedCore["ask"] = (operation, input) => core.ask(operation, input);
const write = (path: string, data: JsonObject) => core.write(path, data);
const leasedUsers = () => core.leasedUsers();

async function issue(data: JsonObject = {}) {
  const { lease } = await ask("read", { path: "aws/creds/deploy", data });
  if (lease === undefined) throw new Error("Nothing was leased.");
  return lease;
}

describe("the aws backend behind the core", () => {
  it("issues, renews and revokes within the consistency window", async () => {
    await write("aws/roles/deploy", { policy: tutorialPolicy });
    const lease = await issue();
    expect(lease.isRenewable).toBe(true);
    const { lease: renewed } = await ask("renewLease", { leaseId: lease.id, incrementMs: 200_000 });
    expect(renewed.expiresAtMs).toBeGreaterThan(lease.expiresAtMs);
    expect(leasedUsers()).toHaveLength(1);
    await ask("revokeLease", { leaseId: lease.id });
    expect(leasedUsers()).toEqual([]);
    expect(core.failures).toEqual([]);
  });

  it("asks nothing of AWS for a renewal that the guard covers, and says what it covers then", async () => {
    await write("aws/roles/deploy", {
      policy_document: tutorialPolicy,
      iam_tags: { owner: "{{caller.name}}" },
    });
    const lease = await issue({ ttl: "200s" });
    const tag = (name: string) => leasedUsers()[0]?.tags.get(name)?.value ?? "";
    const aheadMs = () => Date.parse(tag("leasehold:expires")) - lease.issuedAtMs;
    expect(tag("owner")).toBe("root");
    const renew = async (incrementMs: number) => {
      const { expiresAtMs } = (await ask("renewLease", { leaseId: lease.id, incrementMs })).lease;
      return expiresAtMs;
    };
    const firstMs = aheadMs();
    expect(Math.abs(firstMs - 250_000)).toBeLessThan(2000);
    for (const incrementMs of [215_000, 230_000, 240_000]) await renew(incrementMs);
    expect(aheadMs()).toBe(firstMs);
    const expiresAtMs = await renew(260_000);
    expect(Math.abs(Date.parse(tag("leasehold:expires")) - expiresAtMs - 50_000)).toBeLessThan(2000);
    await renew(250_000);
    await ask("revokeLease", { leaseId: lease.id });
    expect(core.failures).toEqual([]);
  });

  it("says how many leases a role leaves that is deleted, and ends them as before", async () => {
    await write("aws/roles/deploy", { policy_document: tutorialPolicy });
    const leases = [await issue(), await issue()];
    const { warnings } = await ask("delete", { path: "aws/roles/deploy" });
    expect(warnings).toEqual([expect.stringContaining("2 leases of it are live")]);
    await expect(issue()).rejects.toMatchObject({ code: "NO_SUCH_ROLE" });
    for (const { id } of leases) await ask("revokeLease", { leaseId: id });
    expect(leasedUsers()).toEqual([]);
    expect((await ask("delete", { path: "aws/roles/deploy" })).warnings).toEqual([]);
  });

  it("ends a lease by itself when its TTL is over", async () => {
    await write("aws/roles/deploy", {
      policy_arns: "arn:aws:iam::aws:policy/ReadOnlyAccess",
      default_ttl: "1s",
    });
    await issue();
    expect(leasedUsers()).toHaveLength(1);
    await core.until(() => leasedUsers().length === 0);
    expect(core.failures).toEqual([]);
  });

  it("leaves nothing behind where AWS refuses a part of the user", async () => {
    await write("aws/roles/deploy", { policy_document: tutorialPolicy, iam_groups: "nobody" });
    await expect(issue()).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      details: { aws_code: "NoSuchEntity" },
    });
    expect(leasedUsers()).toEqual([]);
    expect((await ask("countLeases", { prefix: "aws/" })).total).toBe(0);
  });

  it("leaves no lease behind where AWS refuses the user", async () => {
    await write("aws/roles/deploy", { policy_document: tutorialPolicy });
    simulator.faults.add({
      kind: "refuse",
      actions: ["CreateUser"],
      code: "LimitExceeded",
      message: "Cannot exceed 5000.",
      status: 409,
    });
    await expect(issue()).rejects.toMatchObject({
      code: "BACKEND_REFUSED",
      details: { aws_code: "LimitExceeded" },
    });
    expect((await ask("countLeases", { prefix: "aws/" })).total).toBe(0);
  });

  it("comes back to a throttled revocation without using an attempt", async () => {
    await write("aws/roles/deploy", { policy_document: tutorialPolicy });
    const lease = await issue();
    simulator.faults.add({ kind: "throttle", actions: ["DeleteUser"], callsPerSecond: 0, times: 1 });
    await ask("revokeLease", { leaseId: lease.id }).catch(() => {});
    await core.until(() => leasedUsers().length === 0);
    expect(core.failures).toHaveLength(1);
    expect(core.failures[0]).toContain("limits the rate");
  });

  it("answers a repeated request with one user and one key, and says what forgetting it would leave behind", async () => {
    await write("aws/roles/deploy", { policy_document: tutorialPolicy, max_leases: 1 });
    const read = () => ask("read", { path: "aws/creds/deploy", data: {}, idempotencyKey: "build-17" });
    const [first, second] = [await read(), await read()];
    expect(second.lease?.id).toBe(first.lease?.id);
    const [user] = leasedUsers();
    const keys = [...(user?.accessKeys.keys() ?? [])];
    expect(keys).toEqual([second.data?.["access_key"]]);
    expect(keys).not.toEqual([first.data?.["access_key"]]);
    await expect(issue()).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      details: { role: "deploy", max: "1" },
    });

    const leaseId = second.lease?.id ?? "";
    const refusal = { code: "AccessDenied", message: "No.", status: 403 };
    simulator.faults.add({ kind: "refuse", actions: ["DeleteAccessKey"], ...refusal });
    await ask("revokeLease", { leaseId }).catch(() => {});
    await expect(ask("forgetLease", { leaseId, isForced: false })).rejects.toMatchObject({
      code: "NEEDS_FORCE",
      message: expect.stringContaining(`IAM user "${user?.name}" with the path "/leasehold/" in account`),
      details: { left_behind: expect.stringContaining(`with its access key ${keys[0]}.`) },
    });
    simulator.faults.clear();
    await ask("retryLease", { leaseId });
    expect(leasedUsers()).toEqual([]);
  });

  it("refuses a root key of another account while leases are live", async () => {
    await write("aws/roles/deploy", { policy_document: tutorialPolicy });
    const lease = await issue();
    const other = await startSimulator({ accountId: "999988887777" });
    const endpoints = { iam_endpoint: other.url, sts_endpoint: other.url };
    await expect(write("aws/config/root", endpoints)).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { live_leases: "1" },
    });
    await ask("revokeLease", { leaseId: lease.id });
    await write("aws/config/root", endpoints);
    await other.close();
  });
});
