import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { createBarrier } from "../../../src/core/barrier.ts";
import { createMountStorage, type MountStorage } from "../../../src/core/mount-storage.ts";
import { createPolicyBook, type PolicyBook } from "../../../src/core/policy/policy-book.ts";
import { createMemoryStorage, type MemoryStorage } from "../../kit/memory-storage.ts";

let storage: MemoryStorage;
let entries: MountStorage;
let reads: number;
let nowMs: number;
let book: PolicyBook;
/** The book of another server. */
let other: PolicyBook;

beforeEach(() => {
  const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
  storage = createMemoryStorage();
  entries = createMountStorage({ accessor: "sys", storage, barrier });
  reads = 0;
  nowMs = Date.parse("2026-01-01T00:00:00Z");
  const counted: MountStorage = {
    ...entries,
    get: (path) => {
      reads += 1;
      return entries.get(path);
    },
  };
  book = createPolicyBook({ storage: counted, nowMs: () => nowMs });
  other = createPolicyBook({ storage: entries, nowMs: () => nowMs });
});

const policy = (...capabilities: readonly string[]) => JSON.stringify({ path: { "kv/a": { capabilities } } });
const mayRead = async (names: readonly string[]): Promise<boolean> =>
  (await book.aclOf(names)).decide({ path: "kv/a", capability: "read" }).isAllowed;

describe("the policy book", () => {
  test("reads what it wrote as it was written, lists it among those built in, and deletes it", async () => {
    const text = ` ${policy("read")}\n`;
    await book.write("team-a.1_x", text);
    expect(await book.read("team-a.1_x")).toBe(text);
    expect(await book.list()).toEqual(["default", "root", "team-a.1_x"]);
    await book.delete("team-a.1_x");
    await expect(book.read("team-a.1_x")).rejects.toMatchObject({
      code: "NO_SUCH_POLICY",
      details: { policy: "team-a.1_x" },
    });
    await book.delete("team-a.1_x");
  });

  test.each(["", "A", "-a", ".a", "a/b", "a b", "..", "a".repeat(129)])("takes no name %j", async (name) => {
    const refusal = { code: "INVALID_FIELD", details: { field: "name" } };
    await expect(book.write(name, policy())).rejects.toMatchObject(refusal);
    await expect(book.read(name)).rejects.toMatchObject(refusal);
    await expect(book.delete(name)).rejects.toMatchObject(refusal);
  });

  test("keeps no policy that it cannot read", async () => {
    await expect(book.write("a", "{")).rejects.toMatchObject({ code: "INVALID_FIELD" });
    expect(await book.list()).toEqual(["default", "root"]);
  });

  test("lets nobody read, change or delete root", async () => {
    const refusal = { code: "INVALID_FIELD", message: expect.stringContaining('"root" allows everything') };
    await expect(book.read("root")).rejects.toMatchObject(refusal);
    await expect(book.write("root", policy())).rejects.toMatchObject(refusal);
    await expect(book.delete("root")).rejects.toMatchObject(refusal);
  });

  test("has a default that lets a token look at itself, renew itself and end, and that can be written", async () => {
    const acl = await book.aclOf(["default"]);
    expect(acl.decide({ path: "auth/token/lookup-self", capability: "read" }).isAllowed).toBe(true);
    expect(acl.decide({ path: "auth/token/renew-self", capability: "update" }).isAllowed).toBe(true);
    expect(acl.decide({ path: "auth/token/revoke-self", capability: "update" }).isAllowed).toBe(true);
    expect(acl.decide({ path: "auth/token/create", capability: "update" }).isAllowed).toBe(false);
    await book.write("default", policy("read"));
    expect(await mayRead(["default"])).toBe(true);
    await expect(book.delete("default")).rejects.toMatchObject({ code: "INVALID_FIELD" });
  });
});

describe("what policies allow", () => {
  test("is what those that there are allow together", async () => {
    await book.write("a", policy("list"));
    await book.write("b", policy("read"));
    expect(await mayRead(["a", "b", "not-there"])).toBe(true);
    expect(await mayRead(["not-there"])).toBe(false);
    expect(await mayRead([])).toBe(false);
  });

  test("is answered at once for root, and reads nothing", () => {
    const acl = book.aclOf(["a", "root"]);
    expect(acl).not.toBeInstanceOf(Promise);
    expect(reads).toBe(0);
  });

  test("is answered at once, from memory, for what was read a moment ago", async () => {
    await book.write("a", policy("read"));
    const first = await book.aclOf(["a"]);
    nowMs += 699;
    expect(book.aclOf(["a"])).toBe(first);
    expect(reads).toBe(1);
    nowMs += 1;
    // What has not changed is not worked out again.
    expect(await book.aclOf(["a"])).toBe(first);
    expect(reads).toBe(2);
  });

  test("is read once for many who ask at the same time", async () => {
    await Promise.all(Array.from({ length: 20 }, () => book.aclOf(["a"])));
    expect(reads).toBe(1);
  });

  test("changes at once where the policy was written, and everywhere else within a second", async () => {
    await book.write("a", policy("read"));
    expect(await mayRead(["a"])).toBe(true);
    await book.write("a", policy("deny"));
    expect(await mayRead(["a"])).toBe(false);
    await other.write("a", policy("read"));
    nowMs += 1000;
    expect(await mayRead(["a"])).toBe(true);
    await other.delete("a");
    nowMs += 1000;
    expect(await mayRead(["a"])).toBe(false);
  });

  test("is believed for ten seconds while the storage is away, and not longer", async () => {
    await book.write("a", policy("read"));
    expect(await mayRead(["a"])).toBe(true);
    storage.setAvailable(false);
    nowMs += 9999;
    expect(await mayRead(["a"])).toBe(true);
    await expect(mayRead(["a", "default"])).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    nowMs += 1;
    await expect(mayRead(["a"])).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    storage.setAvailable(true);
    expect(await mayRead(["a"])).toBe(true);
  });

  test("is read again after the clock was put back", async () => {
    await book.write("a", policy("read"));
    expect(await mayRead(["a"])).toBe(true);
    await other.write("a", policy("deny"));
    nowMs -= 3_600_000;
    expect(await mayRead(["a"])).toBe(false);
  });

  test("is nothing, and no text is told, where a policy is stored that cannot be read: it might deny", async () => {
    await entries.put("policy/a", { policy: '{"secret-word": 1}' });
    await book.write("b", policy("read"));
    const failure = await mayRead(["a", "b"]).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "DATA_CORRUPTED", details: { policy: "a" } });
    expect(String(failure)).not.toContain("secret-word");
    await book.write("a", policy("read"));
    expect(await mayRead(["a", "b"])).toBe(true);
  });

  test("is kept for a thousand sets of policies, the newest", async () => {
    for (let at = 0; at < 1000; at++) await book.aclOf([`p${at}`]);
    expect(book.aclOf(["p0"])).not.toBeInstanceOf(Promise);
    await book.aclOf(["one-more"]);
    expect(book.aclOf(["p0"])).toBeInstanceOf(Promise);
    expect(book.aclOf(["p999"])).not.toBeInstanceOf(Promise);
  });
});
