import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

const tune = (maxLeases: number) =>
  server.call("tuneMount", { path: "scripted", description: undefined, tuning: { maxLeases } });
const read = (role = "deploy", idempotencyKey = "") =>
  server.ask("read", { path: `scripted/creds/${role}`, data: {}, idempotencyKey });

describe("a limit on live leases", () => {
  test("of a mount refuses one lease more, with the numbers, and asks nothing of the vendor", async () => {
    await tune(2);
    await read("a");
    await read("b");
    const calls = harness.vendor.calls.length;
    await expect(read("c")).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message:
        'Cannot issue: mount "scripted" has 2 live leases, and 2 are allowed. Revoke some of them, or raise "max_leases" of the mount\'s tuning.',
      details: { limit_of: "mount", mount: "scripted", live: "2", max: "2" },
    });
    expect(harness.vendor.calls).toHaveLength(calls);
    expect(harness.leases.leases()).toHaveLength(2);
  });

  test("of a role counts the leases of that role alone", async () => {
    await server.call("write", { path: "scripted/roles/deploy", data: { note: "n", max_leases: 1 } });
    await read("other");
    await read();
    await expect(read()).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringMatching(
        /role "deploy" has 1 live leases, and 1 are allowed.*"max_leases" of the role\.$/,
      ),
      details: { limit_of: "role", role: "deploy", live: "1", max: "1" },
    });
    await read("other");
  });

  test("counts a lease until it is gone, and no longer", async () => {
    await tune(1);
    const { lease } = await read();
    harness.vendor.fail("deleteUser", "unavailable");
    await server.ask("revokeLease", { leaseId: lease?.id ?? "" }).catch(() => {});
    await expect(read()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await harness.clock.advance(5000);
    await read();
  });

  test("is passed by none of many who ask at once, also of two servers", async () => {
    await tune(3);
    const other = await harness.start();
    const asks = Array.from({ length: 20 }, (_, at) =>
      (at % 2 ? server : other).call("read", { path: "scripted/creds/x", data: {} }),
    );
    const outcomes = await Promise.allSettled(asks);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    expect(harness.vendor.alive()).toHaveLength(3);
  });

  test("goes with a tuning of 0, and one below the leases there are ends none of them", async () => {
    for (let at = 0; at < 3; at++) await read();
    await tune(1);
    await harness.clock.advance(5000);
    expect(harness.vendor.alive()).toHaveLength(3);
    await expect(read()).rejects.toMatchObject({ details: { live: "3", max: "1" } });
    expect((await tune(0)).tuning).toEqual({});
    await read();
  });

  test("does not keep a repeated request from its lease", async () => {
    await tune(1);
    const first = await read("deploy", "job-1");
    expect((await read("deploy", "job-1")).lease?.id).toBe(first.lease?.id);
  });

  test.each([-1, 1.5, 10_000_001, Number.NaN])("cannot be %j", async (maxLeases) => {
    const tuning = { maxLeases };
    const mounted = server.call("mount", { type: "scripted", path: "x", description: "", tuning });
    await expect(mounted).rejects.toMatchObject({
      code: "INVALID_FIELD",
      message: `Field "tuning.max_leases" must be a whole number from 1 to 10000000, not ${maxLeases}. Leave it out for no limit.`,
    });
  });
});
