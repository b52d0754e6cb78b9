import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

const credentials = {
  access_key: "AKIAJFN42DVCQWDHQYHQ",
  secret_key: "lkWB2CfULm9P+AqLtylnu988iPJ3vk7R2nIpY4dz",
};

let server: FakeServer;
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "leasehold-cli-"));
  await writeFile(join(cwd, "policy.json"), '{"Version":"2012-10-17"}\n');
  await writeFile(join(cwd, "bytes"), Buffer.from([0xff, 0xfe, 0x00]));
  await writeFile(
    join(cwd, "whole.json"),
    '{"size": 3, "nested": {"list": [1, true, null]}, "__proto__": "own"}',
  );
  await writeFile(join(cwd, "big-number.json"), '{"a": {"ids": [1, 9007199254740993]}}');
  server = await new FakeServer()
    .on(SecretService.method.write, ({ path }) => {
      if (path === "aws/creds/answers") return { data: credentials };
      if (path === "aws/roles/old") return { warnings: ["`policy` is the old name of `policy_document`"] };
      if (path === "aws/roles/evil")
        throw new Refusal("bad\u001b[31m\nvalue", { code: status.INVALID_ARGUMENT, reason: "INVALID_FIELD" });
      if (path === "aws/roles/refused") {
        throw new Refusal('the field "ttl" is "x"', {
          code: status.INVALID_ARGUMENT,
          reason: "INVALID_FIELD",
          facts: { field: "ttl" },
        });
      }
      return {};
    })
    .start();
});
afterAll(async () => {
  server.stop();
  await rm(cwd, { recursive: true });
});
beforeEach(() => {
  server.calls.length = 0;
});

function leasehold(argv: string[], stdin?: string | Uint8Array): Promise<Ran> {
  const env = { LEASEHOLD_ADDR: server.address, LEASEHOLD_TOKEN: "root-token" };
  return run(argv, { env, cwd, ...(stdin !== undefined && { stdin }) });
}

describe("write", () => {
  test("sends strings, and says where they went", async () => {
    const ran = await leasehold(["write", "aws/config/root", "access_key=AKIA", "secret_key=a=b+c"]);
    expect(ran).toEqual({ exitCode: 0, stdout: "Success! Data written to: aws/config/root\n", stderr: "" });
    expect(server.calls[0]).toMatchObject({
      rpc: "leasehold.v1.SecretService/Write",
      authorization: "Bearer root-token",
      request: { path: "aws/config/root", data: { access_key: "AKIA", secret_key: "a=b+c" } },
    });
    expect(server.calls[0]?.deadlineMs).toBeGreaterThan(50_000);
    expect(server.calls[0]?.deadlineMs).toBeLessThanOrEqual(60_000);
  });

  test.each<[string, string[], object, string | undefined]>([
    [
      "takes the text of a file as it is",
      ["policy=@policy.json"],
      { policy: '{"Version":"2012-10-17"}\n' },
      undefined,
    ],
    ["takes standard input as it is", ["value=-"], { value: "from\nstdin\n" }, "from\nstdin\n"],
    ["makes a list of a repeated key", ["a=1", "b=2", "a=3"], { a: ["1", "3"], b: "2" }, undefined],
    ["takes an empty value", ["a="], { a: "" }, undefined],
    [
      "takes a backslash from an escaped @ and -",
      ["a=\\@x", "b=\\-", "c=\\\\@x", "d=\\n"],
      { a: "@x", b: "-", c: "\\@x", d: "\\n" },
      undefined,
    ],
    ["sends no fields where none are given", [], {}, undefined],
    [
      "takes a whole object from a file",
      ["@whole.json"],
      JSON.parse('{"size":3,"nested":{"list":[1,true,null]},"__proto__":"own"}'),
      undefined,
    ],
    [
      "takes a whole object from standard input",
      ["-"],
      { a: 1.5, b: 9007199254740991 },
      '{"a": 1.5, "b": 9007199254740991}',
    ],
  ])("%s", async (_, args, data, stdin) => {
    const ran = await leasehold(["write", "secret/x", ...args], stdin);
    expect(ran.stderr).toBe("");
    expect(JSON.stringify(server.calls[0]?.request)).toBe(
      JSON.stringify({ ...(server.calls[0]?.request as object), path: "secret/x", data }),
    );
  });

  test("prints warnings to stderr", async () => {
    const ran = await leasehold(["write", "aws/roles/old", "policy=@policy.json"]);
    expect(ran.stdout).toBe("Success! Data written to: aws/roles/old\n");
    expect(ran.stderr).toBe("Warning: `policy` is the old name of `policy_document`\n");
  });

  test("prints what the path answers", async () => {
    const { stdout } = await leasehold(["write", "aws/creds/answers", "ttl=1h"]);
    expect(stdout).toContain("access_key  AKIAJFN42DVCQWDHQYHQ\n");
    expect(stdout).not.toContain("Success!");
  });

  test.each<[string, string[], string | undefined, string]>([
    [
      "a missing file",
      ["policy=@nowhere.json"],
      undefined,
      'Error: the value of "policy": cannot read the file "nowhere.json" (no such file).\n',
    ],
    [
      "a folder as a file",
      ["policy=@."],
      undefined,
      'Error: the value of "policy": cannot read the file "." (it is a folder).\n',
    ],
    [
      "an @ without a name",
      ["policy=@"],
      undefined,
      'Error: the value of "policy" names no file: write the name after the "@".\n',
    ],
    [
      "a file that is not text",
      ["policy=@bytes"],
      undefined,
      'Error: the value of "policy": the file "bytes" is not UTF-8 text; encode it first, for example with base64.\n',
    ],
    [
      "an argument without =",
      ["hunter2"],
      undefined,
      'Error: an argument after the path has no "="; write key=value.\n',
    ],
    [
      "an empty key",
      ["=hunter2"],
      undefined,
      'Error: an argument after the path has no key before its "="; write key=value.\n',
    ],
    [
      "standard input twice",
      ["a=-", "b=-"],
      "x",
      'Error: the value of "b": standard input can be read only once ("-" is given twice).\n',
    ],
    [
      "a whole object and a field",
      ["@whole.json", "a=b"],
      undefined,
      'Error: "@whole.json" stands for the whole object, so nothing may be given beside it.\n',
    ],
    [
      "an object that is no JSON",
      ["-"],
      '{"password": hunter2',
      'Error: the argument "-" must hold a JSON object, and what it holds is not JSON.\n',
    ],
    [
      "a list as the whole object",
      ["-"],
      "[1]",
      'Error: the argument "-" must hold a JSON object, such as {"key": "value"}.\n',
    ],
    [
      "a number that doubles cannot keep",
      ["@big-number.json"],
      undefined,
      'Error: "a.ids[1]" is a number beyond 2^53, which cannot be kept exactly; write it as a string, in quotes.\n',
    ],
    [
      "half a surrogate pair",
      ["-"],
      '{"a": ["\\ud800"]}',
      'Error: "a[0]" holds half of a surrogate pair, which is no character.\n',
    ],
    [
      "an infinite number",
      ["-"],
      '{"n": 1e999}',
      'Error: "n" is a number beyond 2^53, which cannot be kept exactly; write it as a string, in quotes.\n',
    ],
  ])("refuses %s with exit code 2, without a call", async (_, args, stdin, stderr) => {
    expect(await leasehold(["write", "secret/x", ...args], stdin)).toEqual({
      exitCode: 2,
      stdout: "",
      stderr,
    });
    expect(server.calls).toEqual([]);
  });

  test("refuses input that is longer than a message may be", async () => {
    const ran = await leasehold(["write", "secret/x", "a=-"], Buffer.alloc(4 * 1024 * 1024 + 1, "a"));
    expect(ran).toMatchObject({
      exitCode: 2,
      stderr: 'Error: the value of "a": standard input is longer than 4194304 bytes.\n',
    });
  });

  test("refuses an object that is too deep, and sends one that is nearly so", async () => {
    const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
    expect(await leasehold(["write", "secret/x", "-"], nested(30))).toMatchObject({ exitCode: 0 });
    const ran = await leasehold(["write", "secret/x", "-"], nested(31));
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("lies more than 30 levels deep");
  });

  test("shows the server's refusal in one line", async () => {
    const ran = await leasehold(["write", "aws/roles/refused", "ttl=x"]);
    expect(ran).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: 'Error writing aws/roles/refused: the field "ttl" is "x"\n',
    });
  });

  test("lets no control character of a refusal reach the terminal", async () => {
    const { stderr } = await leasehold(["write", "aws/roles/evil", "a=b"]);
    expect(stderr).toBe("Error writing aws/roles/evil: bad\\u001b[31m\\nvalue\n");
  });
});
