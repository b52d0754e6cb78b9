import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AuditService } from "../../gen/leasehold/v1/audit_pb.ts";
import { commands, globalFlags } from "../../src/cli/commands.ts";
import { FakeServer, Refusal } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

let server: FakeServer;

beforeAll(async () => {
  server = await new FakeServer()
    .on(AuditService.method.enable, () => ({}))
    .on(AuditService.method.disable, ({ name }: { name: string }) => {
      if (name === "b") throw new Refusal('There is no audit sink "b".', { code: status.NOT_FOUND });
      return {};
    })
    .on(AuditService.method.list, () => ({
      sinks: [
        { name: "file", type: "file", options: { path: "/var/log/audit.log" }, open: true },
        { name: "far", type: "syslog", options: { address: "tcp://log\u001b[2J:514" }, open: false },
      ],
    }))
    .on(AuditService.method.hash, () => ({ hash: "hmac-sha256:ab12" }))
    .start();
});
beforeEach(() => void server.calls.splice(0));
afterAll(() => server.stop());

function leasehold(argv: readonly string[], stdin?: string): Promise<Ran> {
  const options = { env: { LEASEHOLD_ADDR: server.address }, ...(stdin === undefined ? {} : { stdin }) };
  return run(["audit", ...argv], options);
}

describe("audit enable", () => {
  test("sends the type, the place, and the type as the name where none is given", async () => {
    const ran = await leasehold(["enable", "file", "--path", "/var/log/audit.log"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "Every call is written to 'file' from now on.\n" });
    expect(server.calls.at(-1)?.request).toMatchObject({
      name: "file",
      type: "file",
      options: { path: "/var/log/audit.log" },
    });
    const json = await leasehold([
      "enable",
      "syslog",
      "--syslog-address",
      "udp://a:514",
      "--name=far",
      "--format=json",
    ]);
    expect(JSON.parse(json.stdout)).toEqual({
      name: "far",
      type: "syslog",
      options: { address: "udp://a:514" },
    });
  });

  test("takes the address of the server for no option of the sink", async () => {
    const ran = await run(["--address", server.address, "audit", "enable", "stdout"]);
    expect(ran.exitCode).toBe(0);
    expect(server.calls.at(-1)?.request).toMatchObject({ type: "stdout", options: {} });
  });

  test("refuses a type that there is not, and asks no server", async () => {
    const ran = await leasehold(["enable", "journal"]);
    expect(ran).toMatchObject({ exitCode: 2, stdout: "" });
    expect(ran.stderr).toContain("file, stdout, syslog");
    expect(server.calls).toEqual([]);
  });
});

test("audit list shows each sink, and whether the server has it open", async () => {
  expect((await leasehold(["list"])).stdout).toBe(
    [
      "Name  Type    Open  Options",
      'file  file    yes   {"path":"/var/log/audit.log"}',
      'far   syslog  no    {"address":"tcp://log\\u001b[2J:514"}',
      "",
    ].join("\n"),
  );
  expect(JSON.parse((await leasehold(["list", "--format=json"])).stdout).sinks).toEqual([
    { name: "file", type: "file", open: true, options: { path: "/var/log/audit.log" } },
    { name: "far", type: "syslog", open: false, options: { address: "tcp://log\u001b[2J:514" } },
  ]);
});

test("audit disable says that nothing more is written, or why not", async () => {
  expect((await leasehold(["disable", "a"])).stdout).toBe("Nothing more is written to 'a'.\n");
  expect(JSON.parse((await leasehold(["disable", "a", "--format=json"])).stdout)).toEqual({ name: "a" });
  const refused = await leasehold(["disable", "b"]);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("no audit sink");
});

describe("audit hash", () => {
  test("prints what stands in the lines in place of a value", async () => {
    expect(await leasehold(["hash", "a", "canary"])).toEqual({
      exitCode: 0,
      stdout: "hmac-sha256:ab12\n",
      stderr: "",
    });
    expect(server.calls.at(-1)?.request).toMatchObject({ name: "a", value: "canary" });
    const json = await leasehold(["hash", "a", "canary", "--format=json"]);
    expect(JSON.parse(json.stdout)).toEqual({ hash: "hmac-sha256:ab12" });
  });

  test("takes the value from the standard input, without the one newline at its end, and prints it nowhere", async () => {
    const ran = await leasehold(["hash", "a", "-"], "canary\n\n");
    expect(server.calls.at(-1)?.request).toMatchObject({ value: "canary\n" });
    expect(ran.stdout + ran.stderr).not.toContain("canary");
  });
});

test("no flag of a command has the name of a global one, which would be taken for both", () => {
  const hidden = commands.flatMap(({ name, flags = {} }) =>
    Object.keys(flags)
      .filter((flag) => Object.hasOwn(globalFlags, flag))
      .map((flag) => `${name} --${flag}`),
  );
  expect(hidden).toEqual([]);
});
