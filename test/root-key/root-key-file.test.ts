import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { decodeRootKey, makeRootKeyFile } from "../../src/root-key/root-key-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "leasehold-root-key-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("makeRootKeyFile()", () => {
  test("writes a key that only the owner of the file can read, and answers it", () => {
    const file = join(folder, "key");
    const key = makeRootKeyFile(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(decodeRootKey(readFileSync(file, "utf8").trim())).toEqual(key);
    expect(key).toHaveLength(32);
  });

  test("writes over no file", () => {
    const file = join(folder, "key");
    writeFileSync(file, "something else");
    expect(() => makeRootKeyFile(file)).toThrow("EEXIST");
    expect(readFileSync(file, "utf8")).toBe("something else");
  });
});

describe("decodeRootKey()", () => {
  test.each([
    "",
    "abc",
    Buffer.alloc(31).toString("base64"),
    Buffer.alloc(33).toString("base64"),
    "!".repeat(44),
  ])("refuses %j", (text) => {
    expect(decodeRootKey(text)).toBeUndefined();
  });
});
