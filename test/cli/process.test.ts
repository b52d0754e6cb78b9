import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LeaseEventKind, LeaseService, LeaseState } from "../../gen/leasehold/v1/leases_pb.ts";
import { SecretService } from "../../gen/leasehold/v1/secrets_pb.ts";
import { FakeServer } from "./fake-server.ts";
import type { Ran } from "./run.ts";

const bin = fileURLToPath(new URL("../../bin/leasehold", import.meta.url));

describe("bin/leasehold", () => {
  let server: FakeServer;

  beforeAll(async () => {
    server = await new FakeServer()
      .on(SecretService.method.read, () => ({ data: { value: "world" }, warnings: ["mind the gap"] }))
      .on(SecretService.method.write, () => ({}))
      .on(LeaseService.method.list, () => ({
        leases: Array.from({ length: 1000 }, (_, n) => ({
          id: `${"aws/creds/deploy/".repeat(20)}${n}`,
          state: LeaseState.ACTIVE,
        })),
      }))
      .onStream(LeaseService.method.watch, async function* () {
        for (;;) {
          yield { event: { kind: LeaseEventKind.ISSUED } };
          // Slow enough for a reader that leaves, fast enough for a test.
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })
      .start();
  });
  afterAll(() => server.stop());

  function start(argv: string[], stdout: "pipe" | number = "pipe"): ChildProcess {
    const env = { PATH: process.env["PATH"], LEASEHOLD_ADDR: server.address, LEASEHOLD_TOKEN: "t0ken" };
    return spawn(process.execPath, [bin, ...argv], { env, stdio: ["pipe", stdout, "pipe"] });
  }

  async function finish(child: ChildProcess, stdin = ""): Promise<Ran> {
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (chunk) => (stdout += chunk));
    child.stderr?.on("data", (chunk) => (stderr += chunk));
    child.stdin?.end(stdin);
    const exitCode = await new Promise<number>((resolve) =>
      child.once("close", (code) => resolve(code ?? -1)),
    );
    return { exitCode, stdout, stderr };
  }

  test("prints data to stdout and talk to stderr, and exits 0 at once", async () => {
    const startedMs = performance.now();
    expect(await finish(start(["read", "secret/hello"]))).toEqual({
      exitCode: 0,
      stdout: "Key    Value\nvalue  world\n",
      stderr: "Warning: mind the gap\n",
    });
    // Far below the idle time of a connection that was left open.
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });

  test("takes standard input", async () => {
    const { exitCode } = await finish(start(["write", "secret/hello", "value=-"]), "from a pipe");
    expect(exitCode).toBe(0);
    expect(server.calls.at(-1)?.request).toMatchObject({ data: { value: "from a pipe" } });
  });

  test("ends without waiting for a standard input that it was not asked to read", async () => {
    const child = start(["read", "secret/hello"]);
    const exitCode = await new Promise((resolve) => child.once("exit", resolve));
    expect(exitCode).toBe(0);
    child.stdin?.destroy();
  });

  test("exits 1 where the server refuses", async () => {
    const ran = await finish(start(["delete", "secret/hello"]));
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^Error deleting secret\/hello: .*\n$/);
  });

  test("prints one line where TLS fails, and no warning of the runtime", async () => {
    const ran = await finish(
      start(["read", "secret/hello", "--address", `https://127.0.0.1:${server.port}`]),
    );
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toMatch(/^Error reading secret\/hello: cannot reach the server at .*\n$/);
  });

  test("exits 2 on wrong usage", async () => {
    expect(await finish(start(["read"]))).toEqual({
      exitCode: 2,
      stdout: "",
      stderr: 'Error: "read" needs PATH.\nUsage: leasehold read PATH [FIELD...] [--idempotency-key KEY]\n',
    });
  });

  test("says nothing where its reader has seen enough", async () => {
    const child = start(["lease", "list"]);
    child.stdout?.once("data", () => child.stdout?.destroy());
    const { exitCode, stderr } = await finish(child);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("watches until its reader has seen enough, and exits 0", async () => {
    const child = start(["lease", "watch"]);
    child.stdout?.once("data", () => child.stdout?.destroy());
    const { exitCode, stderr } = await finish(child);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  });

  test("watches until it is interrupted, which a shell shows as 130", async () => {
    const child = start(["lease", "watch"]);
    child.stdout?.once("data", () => child.kill("SIGINT"));
    const signal = await new Promise((resolve) => child.once("close", (_code, name) => resolve(name)));
    expect(signal).toBe("SIGINT");
  });

  test.runIf(existsSync("/dev/full"))("exits 1 where the output cannot be written", async () => {
    const full = createWriteStream("/dev/full");
    const fd = await new Promise<number>((resolve) => full.once("open", resolve));
    const { exitCode, stderr } = await finish(start(["read", "secret/hello"], fd));
    full.destroy();
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Error: cannot write to standard output (ENOSPC)\n");
  });
});
