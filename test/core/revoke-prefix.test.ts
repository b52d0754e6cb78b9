import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CoreError } from "../../src/core/errors.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  await server.mount();
});
afterEach(() => harness.stop());

const revokePrefix = (prefix: string, context = {}) => server.ask("revokePrefix", { prefix }, context);
const paths = () => harness.leases.leases().map(({ id }) => id.slice(0, id.lastIndexOf("/")));

describe("revokePrefix()", () => {
  test.each(["scripted/creds/deploy", "scripted/creds/deploy/"])(
    "takes %j for a folder, so that a longer name beside it is left alone",
    async (prefix) => {
      await server.issue("scripted/creds/deploy");
      await server.issue("scripted/creds/deploy-eu");
      expect(await revokePrefix(prefix)).toEqual({ revoked: 1, pending: 0 });
      expect(paths()).toEqual(["scripted/creds/deploy-eu"]);
    },
  );

  test("ends the leases of every mount under it, and of no other", async () => {
    for (const path of ["team/a", "team/b", "teams"]) {
      await server.mount(path);
      await server.issue(`${path}/creds/x`);
    }
    expect(await revokePrefix("team")).toEqual({ revoked: 2, pending: 0 });
    expect(paths()).toEqual(["teams/creds/x"]);
  });

  test("sees a mount that another server made a moment ago", async () => {
    const other = await harness.start();
    await other.mount("fresh");
    await other.issue("fresh/creds/x");
    expect(await revokePrefix("fresh")).toEqual({ revoked: 1, pending: 0 });
  });

  test("ends what the caller did not wait for", async () => {
    for (let at = 0; at < 30; at++) await server.issue();
    harness.vendor.fail("deleteKeys", { after: harness.clock.sleep(3000) }, 8);
    const caller = new AbortController();
    const answer = server.call("revokePrefix", { prefix: "scripted" }, { signal: caller.signal });
    await harness.clock.advance(10);
    caller.abort(new CoreError("CANCELLED", "The caller hung up."));
    expect(await answer).toMatchObject({ pending: 30 });
    await harness.clock.advance(5000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("answers before the deadline where the vendor is away; not one lease goes back to active", async () => {
    for (let at = 0; at < 60; at++) await server.issue();
    harness.vendor.failAll("deleteKeys", "unavailable");
    const startedMs = harness.clock.nowMs();
    const answer = await revokePrefix("scripted", { deadlineMs: startedMs + 5000 });
    expect(answer).toEqual({ revoked: 0, pending: 60 });
    expect(harness.clock.nowMs() - startedMs).toBeLessThanOrEqual(4000);
    expect(new Set(harness.leases.leases().map(({ state }) => state))).toEqual(new Set(["revoking"]));
    harness.vendor.heal();
    await harness.clock.advance(20_000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("goes on after the server that was asked died", async () => {
    for (let at = 0; at < 20; at++) await server.issue();
    harness.vendor.failAll("deleteKeys", "unavailable");
    await revokePrefix("scripted", { deadlineMs: harness.clock.nowMs() + 2000 });
    server.plug.pull();
    harness.vendor.heal();
    await harness.start();
    await harness.clock.advance(harness.settings.visibilityMs + 1000);
    expect(harness.vendor.alive()).toEqual([]);
  });

  test("does not let a mount whose vendor hangs take the time of the others", async () => {
    await server.mount("a");
    await server.mount("b");
    await server.issue("a/creds/x");
    await server.issue("b/creds/x");
    const [first] = harness.vendor.alive();
    harness.vendor.onCall(() => {});
    harness.vendor.fail("deleteKeys", { after: new Promise(() => {}) });
    const shared = await server.ask(
      "revokePrefix",
      { prefix: "a" },
      { deadlineMs: harness.clock.nowMs() + 2000 },
    );
    expect(shared).toEqual({ revoked: 0, pending: 1 });
    expect(await revokePrefix("b")).toEqual({ revoked: 1, pending: 0 });
    expect(harness.vendor.alive()).toEqual([first]);
  });

  test("needs neither timer nor events on the server that is asked", async () => {
    await harness.stop();
    server = await harness.start({ settings: { isTimerOn: false }, hasEvents: false });
    for (let at = 0; at < 20; at++) await server.issue();
    expect(await revokePrefix("scripted")).toEqual({ revoked: 20, pending: 0 });
  });

  test("goes on taking leases after the deadline of a caller, and tells where that fails", async () => {
    for (let at = 0; at < 3; at++) await server.issue();
    const { list } = harness.leases;
    const away = new CoreError("STORAGE_UNAVAILABLE", "The store is away.");
    let isAway = false;
    harness.leases.list = async (...args) => {
      await harness.clock.sleep(5000);
      if (isAway) throw away;
      return list(...args);
    };
    const context = () => ({ deadlineMs: harness.clock.nowMs() + 3000 });
    expect(await revokePrefix("scripted/creds/deploy", context())).toEqual({ revoked: 0, pending: 3 });
    await harness.clock.advance(4000);
    expect(harness.vendor.alive()).toEqual([]);

    isAway = true;
    expect(await revokePrefix("scripted", context())).toEqual({ revoked: 0, pending: 0 });
    await harness.clock.advance(4000);
    expect(harness.telemetry).toContainEqual(["backgroundFailed", "revoking what is under scripted/", away]);
  });

  test("counts nothing where there are no leases, and refuses a prefix where nothing is mounted", async () => {
    expect(await revokePrefix("scripted/creds/none")).toEqual({ revoked: 0, pending: 0 });
    await expect(revokePrefix("nowhere/creds")).rejects.toMatchObject({ code: "NO_MOUNT" });
    await expect(revokePrefix("")).rejects.toMatchObject({ code: "INVALID_PATH" });
  });

  test("is refused as a whole where the store is away", async () => {
    await server.issue();
    harness.leases.breakNext("claim", "before");
    await expect(revokePrefix("scripted")).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });
});
