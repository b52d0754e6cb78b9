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

const unmount = (deadlineMs = harness.clock.nowMs() + 5000) =>
  server.ask("unmount", { path: "scripted/" }, { deadlineMs });
const mountPaths = async () => (await server.call("listMounts", {})).map(({ path }) => path);

describe("unmount()", () => {
  test("revokes every lease, then takes the mount and all it stored away", async () => {
    await server.call("write", { path: "scripted/roles/deploy", data: { note: "n" } });
    for (let at = 0; at < 3; at++) await server.issue();
    expect(await unmount()).toEqual({ revoked: 3, pending: 0, left: [] });
    expect(harness.vendor.alive()).toEqual([]);
    // What is left is the note that the mount went on purpose.
    expect([...harness.storage.values().keys()]).toEqual(["operator"]);
    expect(await mountPaths()).toEqual([]);
  });

  test("makes the mount durably unmounting before it revokes anything", async () => {
    await server.issue();
    await unmount();
    const calls = server.plug.calls;
    const at = (name: string) => calls.lastIndexOf(name);
    const from = calls.lastIndexOf("deleteKeys");
    expect(calls.indexOf("setMountState", 2)).toBeLessThan(from);
    expect(at("finish")).toBeLessThan(at("forgetMount"));
    expect(at("forgetMount")).toBeLessThan(at("clear"));
    expect(at("clear")).toBeLessThan(at("writeMount"));
  });

  test("tells what is left where the vendor is away, and ends it by itself when the vendor is back", async () => {
    const { lease } = await server.issue();
    harness.vendor.failAll("deleteKeys", "unavailable");
    const answer = await unmount();
    expect(answer).toMatchObject({ revoked: 0, pending: 1, left: [{ id: lease.id, state: "revoking" }] });
    expect(answer.left[0]?.lastError).toBe("The vendor did not answer deleteKeys.");

    await harness.clock.advance(60_000);
    expect(await mountPaths()).toEqual(["scripted"]);
    harness.vendor.heal();
    await harness.clock.advance(20_000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(await mountPaths()).toEqual([]);
  });

  test("lets nothing be issued or written meanwhile, what is stored can be read, and the path is taken", async () => {
    await server.issue();
    harness.vendor.failAll("deleteKeys", "unavailable");
    await unmount();
    const refused = { code: "MOUNT_UNMOUNTING" };
    await expect(server.issue()).rejects.toMatchObject(refused);
    const write = server.call("write", { path: "scripted/roles/x", data: { note: "n" } });
    await expect(write).rejects.toMatchObject(refused);
    await expect(server.call("delete", { path: "scripted/roles/x" })).rejects.toMatchObject(refused);
    const configuration = server.call("read", { path: "scripted/roles/x", data: {} });
    await expect(configuration).resolves.toMatchObject({ warnings: [] });
    expect(await server.call("list", { path: "scripted/roles" })).toEqual({ keys: [] });
    await expect(server.mount()).rejects.toMatchObject({
      code: "PATH_TAKEN",
      message: expect.stringContaining("still being unmounted"),
    });
  });

  test("catches a secret that was being issued when it began", async () => {
    harness.vendor.fail("createKey", { after: harness.clock.sleep(1500) });
    const issuing = server.call("read", { path: "scripted/creds/deploy", data: {} });
    issuing.catch(() => {});
    await harness.clock.advance(100);
    await unmount();
    await expect(harness.clock.advanceUntil(issuing)).rejects.toMatchObject({
      code: expect.stringMatching("BACKEND_"),
    });
    await harness.clock.advance(15_000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(await mountPaths()).toEqual([]);
  });

  test("is finished by another server where the one that began it died", async () => {
    await server.issue();
    harness.vendor.failAll("deleteKeys", "unavailable");
    const other = await harness.start();
    await unmount();
    server.plug.pull();
    harness.vendor.heal();
    await harness.clock.advance(25_000);
    expect(harness.vendor.alive()).toEqual([]);
    expect(await other.call("listMounts", {})).toEqual([]);
  });

  test("is completed where the server died between its first two writes: then nothing can begin either", async () => {
    await server.issue();
    harness.vendor.failAll("deleteKeys", "unavailable");
    server.plug.pullAt(server.plug.calls.length + 1, "before");
    void server.call("unmount", { path: "scripted" });
    await harness.start();
    await harness.clock.advance(2000);
    const [lease] = harness.leases.leases();
    expect(harness.leases.mountState(lease?.accessor ?? "")).toBe("unmounting");
    expect(lease?.state).toBe("revoking");
  });

  test("keeps a mount whose leases cannot be revoked, for a person to see", async () => {
    await server.issue();
    harness.vendor.failAll("deleteUser", "refused");
    await unmount();
    await harness.clock.advance(30 * 60_000);
    expect(await mountPaths()).toEqual(["scripted"]);
    expect(harness.leases.leases()).toMatchObject([{ state: "irrevocable" }]);
  });

  test("can be asked again, and says then what is left", async () => {
    await server.issue();
    harness.vendor.failAll("deleteKeys", "unavailable");
    await unmount();
    expect(await unmount()).toMatchObject({ pending: 1 });
  });

  test("shows at most 100 of the leases that are left", async () => {
    for (let at = 0; at < 101; at++) await server.issue();
    harness.vendor.failAll("deleteKeys", "unavailable");
    const answer = await unmount();
    expect(answer.pending).toBe(101);
    expect(answer.left).toHaveLength(100);
  });

  test("refuses a path that is below a mount, or where nothing is mounted", async () => {
    await expect(server.call("unmount", { path: "scripted/creds" })).rejects.toMatchObject({
      code: "NO_MOUNT",
      message: '"scripted/creds" is not the path of a mount; the mount there is "scripted".',
    });
    await expect(server.call("unmount", { path: "scripter" })).rejects.toMatchObject({
      code: "NO_MOUNT",
      message: expect.stringContaining('Did you mean "scripted"?'),
    });
  });

  test("lets the path be mounted again afterwards, with nothing of before", async () => {
    await server.call("write", { path: "scripted/roles/deploy", data: { note: "old" } });
    await unmount();
    await server.mount();
    expect(await server.call("read", { path: "scripted/roles/deploy", data: {} })).toMatchObject({
      data: undefined,
    });
    await server.issue();
  });
});
