import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Operations } from "../../src/core/requests.ts";
import { type CoreHarness, createCoreHarness, type TestServer } from "../kit/core-harness.ts";

let harness: CoreHarness;
let server: TestServer;

beforeEach(async () => {
  harness = createCoreHarness();
  server = await harness.start();
  for (const path of ["a", "b", "b2", "c/d"]) await server.mount(path);
  for (const path of ["a/creds/x", "a/creds/xy", "b/creds/x", "b2/creds/x", "c/d/creds/x"])
    for (let at = 0; at < 3; at++) await server.issue(path);
});
afterEach(() => harness.stop());

type Listing = Operations["listLeases"]["input"];
const list = (changed: Partial<Listing> = {}) =>
  server.call("listLeases", { prefix: "", pageSize: 0, pageToken: "", states: [], ...changed });
const count = (prefix: string) => server.call("countLeases", { prefix });
const paths = (leases: readonly { readonly path: string }[]) => [...new Set(leases.map(({ path }) => path))];

describe("listing leases", () => {
  test.each([
    ["", 15, ["a/creds/x", "a/creds/xy", "b/creds/x", "b2/creds/x", "c/d/creds/x"]],
    ["a", 6, ["a/creds/x", "a/creds/xy"]],
    ["a/creds/x", 6, ["a/creds/x", "a/creds/xy"]],
    ["a/creds/x/", 3, ["a/creds/x"]],
    ["b", 6, ["b/creds/x", "b2/creds/x"]],
    ["b/", 3, ["b/creds/x"]],
    ["c", 3, ["c/d/creds/x"]],
    ["c/d/cr", 3, ["c/d/creds/x"]],
    ["nowhere", 0, []],
  ])("takes the prefix %j for the start of the ids", async (prefix, number, found) => {
    const { leases, nextPageToken } = await list({ prefix });
    expect(leases).toHaveLength(number);
    expect(paths(leases)).toEqual(found);
    expect(nextPageToken).toBe("");
    expect((await count(prefix)).total).toBe(number);
  });

  test.each([1, 2, 3, 4, 7, 14, 15, 16])(
    "by pages of %i over several mounts shows each lease once",
    async (pageSize) => {
      const all = (await list()).leases.map(({ id }) => id);
      const seen: string[] = [];
      let pageToken = "";
      for (let pages = 0; pages < 20; pages++) {
        const page = await list({ pageSize, pageToken });
        expect(page.leases.length).toBeLessThanOrEqual(pageSize);
        seen.push(...page.leases.map(({ id }) => id));
        pageToken = page.nextPageToken;
        if (pageToken === "") break;
      }
      expect(pageToken).toBe("");
      expect(seen).toEqual(all);
    },
  );

  test("filters by state, also over pages", async () => {
    harness.vendor.failAll("deleteKeys", "unavailable");
    const [first] = (await list({ prefix: "a/" })).leases;
    const last = (await list({ prefix: "c/" })).leases.at(-1);
    for (const lease of [first, last])
      await server.ask("revokeLease", { leaseId: lease?.id ?? "" }).catch(() => {});
    const page = await list({ states: ["revoking"], pageSize: 1 });
    const next = await list({ states: ["revoking"], pageSize: 1, pageToken: page.nextPageToken });
    expect([...page.leases, ...next.leases].map(({ id }) => id)).toEqual([first?.id, last?.id]);
    expect((await list({ states: ["issuing", "irrevocable"] })).leases).toEqual([]);
    expect((await list({ states: ["active"] })).leases).toHaveLength(13);
  });

  test("reads many leases at a time where most are filtered out", async () => {
    let reads = 0;
    const { list: read } = harness.leases;
    harness.leases.list = (...args) => {
      reads += 1;
      return read(...args);
    };
    await list({ states: ["revoking"], pageSize: 1 });
    expect(reads).toBe(5);
  });

  test("goes on after a mount that is gone by now", async () => {
    const page = await list({ pageSize: 4 });
    await server.ask("unmount", { path: "a" });
    const next = await list({ pageSize: 100, pageToken: page.nextPageToken });
    expect(paths(next.leases)).toEqual(["b/creds/x", "b2/creds/x", "c/d/creds/x"]);
  });

  test.each(["x", "W10", "bnVsbA", "eyJhIjoxfQ"])("refuses the page token %j", async (pageToken) => {
    await expect(list({ pageToken })).rejects.toMatchObject({
      code: "INVALID_FIELD",
      details: { field: "page_token" },
    });
  });

  test("shows the others where one record was tampered with", async () => {
    const [first] = harness.leases.leases();
    if (!first) throw new Error("There is no lease.");
    const { expiresAtMs } = first;
    await harness.leases.renew(first, {
      expectedExpiresAtMs: expiresAtMs,
      expiresAtMs,
      sealed: new Uint8Array(50),
    });
    const { leases } = await list();
    expect(leases).toHaveLength(15);
    expect(leases.filter(({ lastError }) => lastError.includes("does not open"))).toHaveLength(1);
  });
});

describe("counting leases", () => {
  test("counts by state, the same for a whole mount and for a part of it", async () => {
    harness.vendor.failAll("deleteKeys", "unavailable");
    const [lease] = (await list({ prefix: "b/" })).leases;
    await server.ask("revokeLease", { leaseId: lease?.id ?? "" }).catch(() => {});
    const counts = { byState: { active: 2, revoking: 1 }, total: 3 };
    expect(await count("b/")).toEqual(counts);
    expect(await count("b/creds/")).toEqual(counts);
    expect(await count("")).toEqual({ byState: { active: 14, revoking: 1 }, total: 15 });
  });

  test("sees a mount that another server made a moment ago", async () => {
    const other = await harness.start();
    await other.mount("fresh");
    await other.issue("fresh/creds/x");
    expect((await count("fresh/")).total).toBe(1);
    expect((await list({ prefix: "fresh/" })).leases).toHaveLength(1);
  });
});
