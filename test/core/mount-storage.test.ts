import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { BarrierError, createBarrier } from "../../src/core/barrier.ts";
import { createMountStorage } from "../../src/core/mount-storage.ts";
import { createMemoryStorage } from "../kit/memory-storage.ts";

const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });

function setUp() {
  const storage = createMemoryStorage();
  return { storage, mount: createMountStorage({ accessor: "kv_1", storage, barrier }) };
}

describe("the storage of a mount", () => {
  test("reads what it wrote, and nothing where there is nothing", async () => {
    const { mount } = setUp();
    await mount.put("roles/a", { x: [1, "ü"] });
    expect(await mount.get("roles/a")).toEqual({ x: [1, "ü"] });
    expect(await mount.get("roles/b")).toBeUndefined();
    expect(await mount.delete("roles/a")).toBe(true);
    expect(await mount.delete("roles/a")).toBe(false);
  });

  test("stores nothing in the clear", async () => {
    const { storage, mount } = setUp();
    await mount.put("a", { password: "hunter2" });
    const bytes = [...storage.values().values()].map((value) => Buffer.from(value).toString("latin1")).join();
    expect(bytes).not.toContain("hunter2");
  });

  test("does not open an entry that was moved to another path or mount", async () => {
    const { storage, mount } = setUp();
    await mount.put("a", { x: 1 });
    const sealed = await storage.get("kv_1", "a");
    if (!sealed) throw new Error("Nothing was stored.");
    await storage.put("kv_1", "b", sealed);
    await storage.put("kv_2", "a", sealed);
    await expect(mount.get("b")).rejects.toThrow(BarrierError);
    const other = createMountStorage({ accessor: "kv_2", storage, barrier });
    await expect(other.get("a")).rejects.toThrow(BarrierError);
  });

  test("loses no update of many at once", async () => {
    const { mount } = setUp();
    const add = (current: { readonly [key: string]: unknown } | undefined) => ({
      count: Number(current?.["count"] ?? 0) + 1,
    });
    await Promise.all(Array.from({ length: 10 }, () => mount.update("counter", add)));
    expect(await mount.get("counter")).toEqual({ count: 10 });
  });

  test("says so where others always write first", async () => {
    const { storage } = setUp();
    const contended = { ...storage, put: async () => false };
    const mount = createMountStorage({ accessor: "kv_1", storage: contended, barrier });
    await expect(mount.update("a", () => ({}))).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: 'Cannot write "a": others wrote it 16 times meanwhile. Try again.',
    });
  });

  test("passes on what a change throws, and writes nothing then", async () => {
    const { mount } = setUp();
    await mount.put("a", { x: 1 });
    const refuse = () => {
      throw new Error("no");
    };
    await expect(mount.update("a", refuse)).rejects.toThrow("no");
    expect(await mount.get("a")).toEqual({ x: 1 });
  });

  test("lists all names of a folder, also beyond one page", async () => {
    const { mount } = setUp();
    const names = Array.from({ length: 1001 }, (_, at) => `n${String(at).padStart(4, "0")}`);
    for (const name of names) await mount.put(`f/${name}`, {});
    await mount.put("f/sub/x", {});
    expect(await mount.list("f/")).toEqual([...names, "sub/"]);
    expect(await mount.list("")).toEqual(["f/"]);
  });
});
