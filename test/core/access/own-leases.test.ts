import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CoreHarness, createCoreHarness, type TestServer } from "../../kit/core-harness.ts";
import { createToken, writePolicy } from "../tokens/token-scene.ts";

const path = "scripted/creds/deploy";

let harness: CoreHarness;
let server: TestServer;
let token: string;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
  await writePolicy(server, "deploy", { [path]: ["read"] });
  token = (await createToken(server, { policies: ["deploy"] })).token;
});
afterEach(() => harness.stop());

const issue = async (by = token) =>
  (await server.ask("read", { path, data: {} }, { token: by })).lease?.id ?? "";
const denied = { code: "PERMISSION_DENIED" };

describe("the maker of a lease", () => {
  test("looks it up, renews it and ends it without a policy, and may repeat that", async () => {
    const leaseId = await issue();
    await server.ask("lookupLease", { leaseId }, { token });
    await server.ask("renewLease", { leaseId, incrementMs: undefined }, { token });
    await server.ask("revokeLease", { leaseId }, { token });
    await server.ask("revokeLease", { leaseId }, { token });
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("is the only one who may without a policy", async () => {
    const leaseId = await issue();
    const other = (await createToken(server, { policies: ["deploy"] })).token;
    await expect(server.ask("lookupLease", { leaseId }, { token: other })).rejects.toMatchObject(denied);
    await expect(
      server.ask("renewLease", { leaseId, incrementMs: undefined }, { token: other }),
    ).rejects.toMatchObject(denied);
    await expect(server.ask("revokeLease", { leaseId }, { token: other })).rejects.toMatchObject(denied);
    expect(harness.vendor.alive()).toHaveLength(1);
  });

  test("may not forget it, nor end others by prefix", async () => {
    const leaseId = await issue();
    await expect(server.ask("forgetLease", { leaseId, isForced: true }, { token })).rejects.toMatchObject(
      denied,
    );
    await expect(server.ask("revokePrefix", { prefix: path }, { token })).rejects.toMatchObject(denied);
  });
});

describe("a policy", () => {
  test("lets others do what it names", async () => {
    const leaseId = await issue();
    await writePolicy(server, "operator", {
      "sys/leases/revoke/scripted/*": ["update"],
      "sys/leases/revoke-prefix/scripted": ["update"],
    });
    const operator = (await createToken(server, { policies: ["operator"] })).token;
    await expect(server.ask("lookupLease", { leaseId }, { token: operator })).rejects.toMatchObject(denied);
    await server.ask("revokeLease", { leaseId }, { token: operator });
    // What is for operators needs sudo besides.
    await expect(
      server.ask("revokePrefix", { prefix: "scripted/" }, { token: operator }),
    ).rejects.toMatchObject(denied);
  });

  test("counts as it is now within a second, on every server", async () => {
    const second = await harness.start();
    await server.ask("read", { path, data: {} }, { token });
    await second.ask("read", { path, data: {} }, { token });
    await writePolicy(server, "deploy", { [path]: ["deny"] });
    await harness.clock.advance(1000);
    for (const each of [server, second])
      await expect(each.ask("read", { path, data: {} }, { token })).rejects.toMatchObject(denied);
  });

  test("counts for a path as it is routed, whatever slash stands at its end", async () => {
    await writePolicy(server, "deploy", { "scripted/*": ["read"], [path]: ["deny"] });
    await harness.clock.advance(1000);
    await expect(server.ask("read", { path: `${path}/`, data: {} }, { token })).rejects.toMatchObject(denied);
  });

  test("that was deleted allows nothing", async () => {
    await server.ask("deletePolicy", { name: "deploy" });
    await expect(issue()).rejects.toMatchObject(denied);
  });
});
