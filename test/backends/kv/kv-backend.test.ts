import { describe, expect, it } from "vitest";
import { kvBackend } from "../../../src/backends/kv/kv-backend.ts";
import { mountBackend } from "../aws/mounted-aws.ts";

const mountKv = () => mountBackend(kvBackend(), "secret");

describe("the kv backend", () => {
  it("reads back any JSON object, at any path", async () => {
    const kv = mountKv();
    const data = { value: "world", deep: { list: [1, null, true] } };
    await kv.ask("write", "a/b/c", data);
    expect(await kv.ask("read", "a/b/c")).toEqual({ data });
  });

  it("replaces the whole object by a write", async () => {
    const kv = mountKv();
    await kv.ask("write", "hello", { one: 1, two: 2 });
    await kv.ask("write", "hello", { three: 3 });
    expect(await kv.ask("read", "hello")).toEqual({ data: { three: 3 } });
  });

  it("lists folders, the root too, and tells secrets and folders of one name apart", async () => {
    const kv = mountKv();
    for (const path of ["hello", "app/db", "app/db/password", "app/api"])
      await kv.ask("write", path, { x: 1 });
    expect(await kv.ask("list", "")).toEqual({ keys: ["app/", "hello"] });
    expect(await kv.ask("list", "app")).toEqual({ keys: ["api", "db", "db/"] });
    expect(await kv.ask("list", "nothing")).toEqual({ keys: [] });
  });

  it("names a path where there is nothing", async () => {
    await expect(mountKv().ask("read", "hello")).rejects.toMatchObject({
      code: "NO_SUCH_SECRET",
      message: expect.stringContaining('"secret/hello"'),
      details: { path: "secret/hello" },
    });
  });

  it("deletes a secret, and is content where there is none", async () => {
    const kv = mountKv();
    await kv.ask("write", "hello", { x: 1 });
    await kv.ask("delete", "hello");
    await kv.ask("delete", "hello");
    await expect(kv.ask("read", "hello")).rejects.toMatchObject({ code: "NO_SUCH_SECRET" });
  });

  it("takes a secret of 32 KiB, and refuses a byte more without showing it", async () => {
    const kv = mountKv();
    const text = "ü".repeat((32 * 1024 - '{"v":""}'.length) / 2);
    await kv.ask("write", "big", { v: text });
    const error = await kv.ask("write", "big", { v: `${text}!` }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "LIMIT_EXCEEDED", details: { bytes: "32769", bytes_max: "32768" } });
    expect(String(error)).not.toContain("ü");
  });

  it.each([
    ["too long", "p".repeat(513)],
    ["too deep", `${"p/".repeat(32)}p`],
    ["with an empty segment", "a//b"],
  ])("refuses a path that is %s for every operation", async (_, path) => {
    for (const operation of ["read", "write", "list", "delete"] as const) {
      await expect(mountKv().ask(operation, path, {})).rejects.toMatchObject({ code: "INVALID_PATH" });
    }
    await mountKv().ask("write", `${"p/".repeat(31)}p`, {});
  });

  it("issues nothing", () => {
    expect(mountKv().secretTypes).toEqual([]);
  });
});
