import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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

  test("leaves no file that the key did not fit in, which would look like one with a key", () => {
    const module = join(import.meta.dirname, "../../src/root-key/root-key-file.ts");
    const script = `
      const { makeRootKeyFile } = await import(${JSON.stringify(module)});
      try {
        makeRootKeyFile(process.argv[1]);
      } catch ({ code }) {
        process.stdout.write(code);
      }`;
    const file = join(folder, "key");
    const command = 'ulimit -f 0; exec "$0" --input-type=module --eval "$1" "$2"';
    const { stdout } = spawnSync("sh", ["-c", command, process.execPath, script, file], { encoding: "utf8" });
    expect([stdout, existsSync(file)]).toEqual(["EFBIG", false]);
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
