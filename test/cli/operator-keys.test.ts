import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { OperatorService } from "../../gen/leasehold/v1/operator_pb.ts";
import { FakeServer } from "./fake-server.ts";
import { type Ran, run } from "./run.ts";

let server: FakeServer;
let cwd: string;
let sent: string[];

beforeAll(async () => {
  server = await new FakeServer()
    .on(OperatorService.method.rotate, () => ({ term: 2, activeSince: { seconds: 1_786_000_000n } }))
    .on(OperatorService.method.rekey, ({ newRootKey }) => {
      sent.push(Buffer.from(newRootKey).toString("base64"));
      return { rekeyedAt: { seconds: 1_786_000_000n }, warnings: ["Restart all servers."] };
    })
    .start();
});
afterAll(() => server.stop());
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), "leasehold-rekey-"));
  sent = [];
});
afterEach(() => rmSync(cwd, { recursive: true }));

const leasehold = (...argv: string[]): Promise<Ran> =>
  run(["operator", ...argv], { cwd, env: { LEASEHOLD_ADDR: server.address } });

describe("operator rotate", () => {
  test("tells which data key seals now", async () => {
    expect(await leasehold("rotate")).toEqual({
      exitCode: 0,
      stdout: "Data key 2 seals from now on. What the earlier ones sealed can still be read.\n",
      stderr: "",
    });
    expect(JSON.parse((await leasehold("rotate", "--format=json")).stdout)).toEqual({
      term: 2,
      active_since: "2026-08-06T07:06:40.000Z",
    });
  });
});

describe("operator rekey", () => {
  test("makes the key in a file that only its owner can read, sends it, and prints it nowhere", async () => {
    const { exitCode, stdout, stderr } = await leasehold("rekey", "--new-key-file", "new");
    const file = join(cwd, "new");
    const key = readFileSync(file, "utf8").trim();
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: `The root key in '${file}' counts since 2026-08-06T07:06:40.000Z.\n`,
    });
    expect(stderr).toContain("Made a new root key");
    expect(stderr).toContain("Warning: Restart all servers.");
    expect(sent).toEqual([key]);
    expect(stdout + stderr).not.toContain(key);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("sends the key of a file that is there, as when it is given again", async () => {
    const key = Buffer.alloc(32, 9).toString("base64");
    writeFileSync(join(cwd, "new"), `${key}\n`);
    const { stdout } = await leasehold("rekey", "--new-key-file", "new", "--format=json");
    expect(JSON.parse(stdout)).toEqual({
      new_key_file: join(cwd, "new"),
      is_made: false,
      rekeyed_at: "2026-08-06T07:06:40.000Z",
      warnings: ["Restart all servers."],
    });
    expect(sent).toEqual([key]);
  });

  test("keeps the file where the call fails: nobody knows yet whether it counts", async () => {
    const failing = await new FakeServer()
      .on(OperatorService.method.rekey, () => {
        throw new ConnectError("away", Code.Unavailable);
      })
      .start();
    const ran = await run(["operator", "rekey", "--new-key-file", "new"], {
      cwd,
      env: { LEASEHOLD_ADDR: failing.address },
    });
    await failing.stop();
    expect(ran.exitCode).toBe(1);
    expect(ran.stderr).toContain("Whatever happens now, keep it");
    expect(readFileSync(join(cwd, "new"), "utf8").trim()).toHaveLength(44);
  });

  test("sends nothing where the file cannot be used", async () => {
    writeFileSync(join(cwd, "notes"), "not a key");
    for (const [argv, words] of [
      [["rekey"], "--new-key-file must name"],
      [["rekey", "--new-key-file", "notes"], "holds no root key"],
      [["rekey", "--new-key-file", "nowhere/new"], "no such file"],
    ] as const) {
      expect(await leasehold(...argv)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(words) });
    }
    expect(sent).toEqual([]);
  });
});
