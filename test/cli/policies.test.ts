import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Capability, PolicyService } from "../../gen/leasehold/v1/policies_pb.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

let server: FakeServer;
let cwd: string;

beforeAll(async () => {
  server = await new FakeServer()
    .on(PolicyService.method.write, () => ({}))
    .on(PolicyService.method.read, ({ name }) => {
      if (name === "gone")
        throw new Refusal('There is no policy "gone".', { code: status.NOT_FOUND, reason: "NO_SUCH_POLICY" });
      return { name, policy: '{\n  "path": {"\u001b[2J": {}}\n}' };
    })
    .on(PolicyService.method.list, () => ({ names: ["default", "root"] }))
    .on(PolicyService.method.delete, () => ({}))
    .on(PolicyService.method.test, ({ path }) =>
      path === "kv/a"
        ? { allowed: true, rule: "kv/*", policies: ["a", "b"], reason: "The rule allows to read." }
        : { allowed: false, rule: "", policies: [], reason: "No rule matches the path." },
    )
    .start();
});
afterAll(() => server.stop());
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "leasehold-policy-"));
  server.calls.splice(0);
});
afterEach(() => rmSync(cwd, { recursive: true }));

const policy = '{"path": {"kv/*": {"capabilities": ["read"]}}}\n';
const leasehold = (...argv: string[]): Promise<Ran> =>
  run(["policy", ...argv], { cwd, stdin: policy, env: { LEASEHOLD_ADDR: server.address } });

describe("policy write", () => {
  test("sends a file as it is", async () => {
    writeFileSync(join(cwd, "a.json"), policy);
    expect(await leasehold("write", "a", "@a.json")).toEqual({
      exitCode: 0,
      stdout: "The policy 'a' was written.\n",
      stderr: "",
    });
    expect(server.calls.at(-1)?.request).toMatchObject({ name: "a", policy });
  });

  test("sends what comes on the standard input", async () => {
    const { stdout } = await leasehold("write", "a", "-", "--format=json");
    expect(JSON.parse(stdout)).toEqual({ name: "a" });
    expect(server.calls.at(-1)?.request).toMatchObject({ name: "a", policy });
  });

  test("takes neither the text itself nor a file that is not there", async () => {
    const usage = await leasehold("write", "a", "{}");
    expect(usage.exitCode).toBe(2);
    expect(usage.stderr).toContain("POLICY must be @file, or - for the standard input");
    expect((await leasehold("write", "a", "@none.json")).exitCode).not.toBe(0);
    expect(server.calls).toEqual([]);
  });
});

describe("policy read", () => {
  test("shows the text, and lets it do nothing to the terminal", async () => {
    const { exitCode, stdout } = await leasehold("read", "a");
    expect(exitCode).toBe(0);
    expect(stdout.split("\n")[0]).toBe("{");
    expect(stdout).not.toContain("\u001b");
    expect(JSON.parse((await leasehold("read", "a", "--format=json")).stdout)).toEqual({
      name: "a",
      policy: '{\n  "path": {"\u001b[2J": {}}\n}',
    });
  });

  test("exits 1 where there is none", async () => {
    const { exitCode, stdout, stderr } = await leasehold("read", "gone");
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toContain('There is no policy "gone".');
  });
});

test("policy list shows a name a line, or a list", async () => {
  expect((await leasehold("list")).stdout).toBe("default\nroot\n");
  expect(JSON.parse((await leasehold("list", "--format=json")).stdout)).toEqual({
    names: ["default", "root"],
  });
});

test("policy delete says that it is gone", async () => {
  expect(await leasehold("delete", "a")).toMatchObject({ exitCode: 0, stdout: "The policy 'a' is gone.\n" });
  expect(server.calls.at(-1)?.request).toMatchObject({ name: "a" });
});

describe("policy test", () => {
  test("shows which rule decides and why, for several policies together", async () => {
    const { exitCode, stdout } = await leasehold("test", "a,b", "kv/a", "read");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/allowed +true\nrule +kv\/\*\npolicies +\["a","b"\]\nreason +The rule allows/);
    const request = { names: ["a", "b"], path: "kv/a", capability: Capability.READ };
    expect(server.calls.at(-1)?.request).toMatchObject(request);
  });

  test("exits 1 where it is not allowed, and says that no rule matches", async () => {
    expect(await leasehold("test", "a", "kv/b", "SUDO")).toMatchObject({
      exitCode: 1,
      stdout: expect.stringMatching(/allowed +false\nrule +none\n/),
    });
    expect(JSON.parse((await leasehold("test", "a", "kv/b", "list", "--format=json")).stdout)).toEqual({
      allowed: false,
      rule: null,
      policies: [],
      reason: "No rule matches the path.",
    });
  });

  test.each(["deny", "raed", "unspecified", "2"])("takes no capability %j", async (capability) => {
    const { exitCode, stderr } = await leasehold("test", "a", "kv/a", capability);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('must be one of "create", "read", "update", "patch", "delete", "list", "sudo"');
    expect(server.calls).toEqual([]);
  });
});
