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

describe("handle()", () => {
  test.each([undefined, "", "wrong"])(
    "refuses token %j for every operation, before anything else",
    async (token) => {
      const calls = [
        server.call("mount", { type: "scripted", path: "x", description: "", tuning: {} }, { token }),
        server.call("unmount", { path: "scripted" }, { token }),
        server.call("listMounts", {}, { token }),
        server.call("tuneMount", { path: "scripted", description: undefined, tuning: {} }, { token }),
        server.call("read", { path: "scripted/creds/x", data: {} }, { token }),
        server.call("write", { path: "..", data: {} }, { token }),
        server.call("list", { path: "scripted/roles" }, { token }),
        server.call("delete", { path: "scripted/roles/x" }, { token }),
        server.call("help", { path: "scripted" }, { token }),
        server.call("lookupLease", { leaseId: "x" }, { token }),
        server.call("listLeases", { prefix: "", pageSize: 0, pageToken: "", states: [] }, { token }),
        server.call("renewLease", { leaseId: "x", incrementMs: undefined }, { token }),
        server.call("revokeLease", { leaseId: "x" }, { token }),
        server.call("revokePrefix", { prefix: "x" }, { token }),
        server.call("countLeases", { prefix: "" }, { token }),
        server.call("retryLease", { leaseId: "x" }, { token }),
        server.call("forgetLease", { leaseId: "x", isForced: true }, { token }),
        server.call("watchLeases", { prefix: "", resumeToken: "" }, { token }),
        server.call("operatorStatus", {}, { token }),
        server.call("operatorResume", {}, { token }),
      ];
      for (const call of calls) await expect(call).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
      expect(harness.vendor.calls).toEqual([]);
    },
  );

  test("tells its telemetry of every request with its outcome", async () => {
    await server.call("list", { path: "scripted/roles" });
    await server.call("read", { path: "nowhere/x", data: {} }).catch(() => {});
    await server.call("listMounts", {}, { token: "wrong" }).catch(() => {});
    harness.leases.breakNext("get", "before");
    await server.call("lookupLease", { leaseId: "scripted/creds/x/y" }).catch(() => {});
    expect(harness.telemetry.filter(([kind]) => kind === "handled")).toEqual([
      ["handled", "mount", "OK"],
      ["handled", "list", "OK"],
      ["handled", "read", "NO_MOUNT"],
      ["handled", "listMounts", "UNAUTHENTICATED"],
      ["handled", "lookupLease", "STORAGE_UNAVAILABLE"],
    ]);
  });

  test("writes, reads, lists and deletes at a path of the backend", async () => {
    const path = "scripted/roles/deploy";
    const written = await server.call("write", {
      path,
      data: { note: "for CI", default_ttl: "1h30m", tags: "a, b" },
    });
    expect(written).toEqual({
      data: undefined,
      lease: undefined,
      warnings: ["It was written by a test."],
    });
    expect((await server.call("read", { path: `${path}/`, data: {} })).data).toEqual({
      note: "for CI",
      default_ttl: 5_400_000,
      tags: ["a", "b"],
    });
    expect(await server.call("list", { path: "scripted/roles/" })).toEqual({ keys: ["deploy"] });
    expect(await server.call("delete", { path })).toEqual({ warnings: [] });
    expect(await server.call("list", { path: "scripted/roles" })).toEqual({ keys: [] });
  });

  test.each([
    ["nowhere/x", {}, "NO_MOUNT"],
    ["scripted", {}, "NO_SUCH_PATH"],
    ["scripted/credz/x", {}, "NO_SUCH_PATH"],
    ["scripted/creds/sp ace", {}, "INVALID_FIELD"],
    ["scripted/creds/x", { tll: "1h" }, "UNKNOWN_FIELD"],
    ["scripted/creds/x", { ttl: "soon" }, "INVALID_FIELD"],
    ["scripted//creds", {}, "INVALID_PATH"],
  ] as const)("answers a read of %j with %j by %s", async (path, data, code) => {
    await expect(server.call("read", { path, data })).rejects.toMatchObject({ code });
    expect(harness.leases.events).toEqual([]);
  });

  test.each([
    ["write", { path: "scripted/creds/x", data: {} }],
    ["list", { path: "scripted/creds/x" }],
    ["delete", { path: "scripted/roles" }],
  ] as const)("refuses to %s where a path has no such operation", async (operation, input) => {
    await expect(server.call(operation, { data: {}, ...input })).rejects.toMatchObject({
      code: "UNSUPPORTED_OPERATION",
      message: expect.stringMatching(/^unsupported operation: /),
    });
  });

  test("gives help for a mount and for each kind of path, also while it is unmounting", async () => {
    const mount = await server.call("help", { path: "scripted" });
    expect(mount.paths.map(({ pattern }) => pattern)).toContain("scripted/creds/:name");
    const path = await server.call("help", { path: "scripted/creds/:name" });
    expect(path).toEqual(await server.call("help", { path: "scripted/creds/deploy" }));
    await expect(server.call("help", { path: "scripted/x/y/z" })).rejects.toMatchObject({
      code: "NO_SUCH_PATH",
    });
  });

  test("applies the tuning of a mount to what is issued from then on", async () => {
    const tuning = { defaultTtlMs: 10_000, maxTtlMs: 20_000 };
    await server.call("tuneMount", { path: "scripted/", description: "tuned", tuning });
    const { lease } = await server.issue("scripted/creds/x");
    expect(lease).toMatchObject({ ttlLeftMs: 10_000, maxExpiresAtMs: lease.issuedAtMs + 20_000 });
    const reset = { defaultTtlMs: 0, maxTtlMs: 0 };
    const mount = await server.call("tuneMount", { path: "scripted", description: undefined, tuning: reset });
    expect(mount).toMatchObject({ description: "tuned", tuning: {} });
  });

  test("refuses to read, write and list where the storage is away", async () => {
    harness.storage.setAvailable(false);
    for (const call of [
      server.call("read", { path: "scripted/roles/x", data: {} }),
      server.call("write", { path: "scripted/roles/x", data: { note: "n" } }),
      server.call("list", { path: "scripted/roles" }),
      server.call("listMounts", {}),
    ])
      await expect(call).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    harness.storage.setAvailable(true);
  });
});
