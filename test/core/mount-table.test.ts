import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import type { BackendType } from "../../src/core/backend.ts";
import { createBarrier } from "../../src/core/barrier.ts";
import { createMountTable, type MountTable } from "../../src/core/mount-table.ts";
import { createMemoryLeaseStore, type MemoryLeaseStore } from "../kit/memory-lease-store.ts";
import { createMemoryStorage, type MemoryStorage } from "../kit/memory-storage.ts";

const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
let storage: MemoryStorage;
let leases: MemoryLeaseStore;
let made: string[];
let closed: string[];

const backendType: BackendType = {
  type: "kv",
  summary: "",
  description: "",
  create({ accessor }) {
    made.push(accessor);
    return { paths: [], secretTypes: [], close: () => void closed.push(accessor) };
  },
};
const createTable = (of: Partial<MemoryStorage> = {}): MountTable =>
  createMountTable({
    ...{ leases, barrier, backendTypes: [backendType] },
    storage: { ...storage, ...of },
    settings: { issueGraceMs: 1000 },
    isObserving: () => false,
  });
const add = (table: MountTable, path: string, tuning = {}) =>
  table.add({ type: "kv", path, description: "d", tuning });
const paths = (table: MountTable) => table.all().map(({ path }) => path);

beforeEach(() => {
  storage = createMemoryStorage();
  leases = createMemoryLeaseStore({ nowMs: () => 1000 });
  made = [];
  closed = [];
});

describe("a mount table", () => {
  test("adds a mount that leases can begin on, under the path or else the type", async () => {
    const table = createTable();
    const mount = await add(table, "");
    expect(mount).toMatchObject({
      path: "kv",
      record: { type: "kv", description: "d", state: "mounted", createdAtMs: 1000 },
    });
    expect(mount.record.accessor).toMatch(/^kv_[a-z2-7]{7}$/);
    expect(leases.mountState(mount.record.accessor)).toBe("mounted");
    expect((await add(table, "team/kv/")).path).toBe("team/kv");
    expect(paths(table)).toEqual(["kv", "team/kv"]);
  });

  test.each([
    ["kv", "kv", 'Cannot mount at "kv", which is in use.'],
    ["kv", "kv/x", 'Cannot mount at "kv/x", because it overlaps "kv", which is in use.'],
    ["a/b/c", "a/b", 'Cannot mount at "a/b", because it overlaps "a/b/c", which is in use.'],
  ])("with %j refuses %j", async (first, second, problem) => {
    const table = createTable();
    await add(table, first);
    await expect(add(table, second)).rejects.toMatchObject({
      code: "PATH_TAKEN",
      message: expect.stringContaining(problem),
      details: { taken_by: first },
    });
  });

  test.each([
    ["kv", "kv2"],
    ["a/b", "a/c"],
    ["a/bc", "a/b"],
  ])("takes %j beside %j", async (first, second) => {
    const table = createTable();
    await add(table, first);
    await add(table, second);
    expect(table.all()).toHaveLength(2);
  });

  test.each([
    [{ type: "nope" }, "INVALID_FIELD", 'one of kv; not "nope"'],
    [{ path: "sys/x" }, "INVALID_PATH", "reserved"],
    [{ path: "a//b" }, "INVALID_PATH", "empty segment"],
    [{ tuning: { defaultTtlMs: 5 } }, "INVALID_FIELD", "at least 1s"],
    [{ tuning: { defaultTtlMs: 9000, maxTtlMs: 5000 } }, "INVALID_FIELD", "must not be more than"],
  ])("refuses to add %j", async (changed, code, words) => {
    const request = { type: "kv", path: "x", description: "", tuning: {}, ...changed };
    await expect(createTable().add(request)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    });
    expect(storage.values().size).toBe(0);
  });

  test("lets one of two servers have a path that both want", async () => {
    const outcomes = await Promise.allSettled([add(createTable(), "kv"), add(createTable(), "kv")]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(outcomes).toContainEqual({
      status: "rejected",
      reason: expect.objectContaining({ code: "PATH_TAKEN" }),
    });
  });

  test("lets no two mounts overlap that two servers make at once", async () => {
    const tables = [createTable(), createTable()] as const;
    const outcomes = await Promise.allSettled([add(tables[0], "a"), add(tables[1], "a/b")]);
    expect(outcomes.some(({ status }) => status === "rejected")).toBe(true);
    await tables[0].refresh();
    const mounted = tables[0].all().filter(({ record }) => record.state === "mounted");
    expect(mounted.length).toBeLessThan(2);
  });

  test("finds the mount at or above a path, and the rest below it", async () => {
    const table = createTable();
    await add(table, "team/kv");
    expect(await table.find("team/kv/a/b")).toMatchObject({ mount: { path: "team/kv" }, rest: "a/b" });
    expect(await table.find("team/kv")).toMatchObject({ rest: "" });
  });

  test("finds a mount that another server just made", async () => {
    const table = createTable();
    await add(createTable(), "kv");
    expect((await table.find("kv/x")).mount.path).toBe("kv");
  });

  test("says what there is where it finds nothing", async () => {
    const table = createTable();
    await expect(table.find("x")).rejects.toThrow('No mount lies at or above "x". Nothing is mounted yet.');
    await add(table, "team/kv");
    await add(table, "secret");
    await expect(table.find("secrets/x")).rejects.toThrow('Did you mean "secret"?');
    await expect(table.find("team/other")).rejects.toThrow('Mounted are "secret", "team/kv".');
  });

  test("loses neither of two changes that are made at once", async () => {
    const [one, other] = [createTable(), createTable()];
    await add(one, "kv");
    await other.refresh();
    await Promise.all([
      one.change("kv", (record) => ({ ...record, description: "new" })),
      other.change("kv", (record) => ({ ...record, tuning: { maxTtlMs: 5000 } })),
    ]);
    await one.refresh();
    expect(one.all()[0]?.record).toMatchObject({ description: "new", tuning: { maxTtlMs: 5000 } });
  });

  test("keeps the backend of a mount whose record changed, and closes that of one that is gone", async () => {
    const [one, other] = [createTable(), createTable()];
    const mount = await add(one, "kv");
    made = [];
    await one.change("kv", (record) => ({ ...record, description: "new" }));
    expect(made).toEqual([]);
    await other.refresh();
    const [known] = other.all();
    if (known) await other.remove(known);
    await one.refresh();
    expect(one.all()).toEqual([]);
    expect(one.byAccessor(mount.record.accessor)).toBeUndefined();
    expect(closed).toEqual([mount.record.accessor, mount.record.accessor]);
  });

  test("does not remove a record that somebody changed meanwhile", async () => {
    const [one, other] = [createTable(), createTable()];
    const mount = await add(one, "kv");
    await other.change("kv", (record) => ({ ...record, description: "new" }));
    await one.remove(mount);
    expect(paths(one)).toEqual(["kv"]);
  });

  test("is not set back by an answer that a later one overtook", async () => {
    let isFirst = true;
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const table = createTable({
      async readMounts() {
        const mounts = await storage.readMounts();
        if (!isFirst) return mounts;
        isFirst = false;
        await held;
        return mounts;
      },
    });
    const slow = table.refresh();
    await add(table, "kv");
    release();
    await slow;
    expect(paths(table)).toEqual(["kv"]);
    expect(closed).toEqual([]);
  });

  test("refuses a record that was moved from another path, and goes on with the others", async () => {
    await add(createTable(), "kv");
    const record = storage.values().get("mount:kv");
    if (!record) throw new Error("Nothing was stored.");
    await storage.writeMount("other", record, null);
    const table = createTable();
    await table.refresh();
    expect(paths(table)).toEqual(["kv"]);
    await expect(table.find("other/x")).rejects.toThrow('The stored value at "mount:other" does not open');
    await expect(table.find("others")).rejects.toMatchObject({ code: "NO_MOUNT" });
  });

  test("keeps a mount that it knows as it was while its record does not open, and changes nothing of it", async () => {
    const table = createTable();
    await add(table, "kv");
    const record = storage.values().get("mount:kv") ?? null;
    await storage.writeMount("kv", new Uint8Array(60), record);
    await table.refresh();
    expect((await table.find("kv/x")).mount.path).toBe("kv");
    await expect(table.change("kv", (current) => current)).rejects.toMatchObject({ code: "DATA_CORRUPTED" });
    await storage.writeMount("kv", record, new Uint8Array(60));
    await table.refresh();
    await table.change("kv", (current) => current);
  });
});
