import { describe, expect, test } from "vitest";
import { runCommand } from "../../../src/dev/process/run-command.ts";

const sh = (script: string, timeoutMs = 5_000) =>
  runCommand({ command: "/bin/sh", args: ["-c", script], env: { PATH: "/usr/bin:/bin" }, timeoutMs });

describe("runCommand()", () => {
  test("collects both outputs and the exit code", async () => {
    const outcome = await sh("echo out; echo err >&2; exit 4");
    expect(outcome).toEqual({ code: 4, stdout: "out\n", stderr: "err\n" });
  });

  test("collects more than a pipe holds", async () => {
    const outcome = await sh("head -c 300000 /dev/zero | tr '\\0' x");
    expect(outcome.stdout).toHaveLength(300_000);
  });

  test("kills a command that takes too long, with what it started, and says so", async () => {
    // The background process holds the pipe: the call could not settle if it lived on.
    const late = sh("sleep 60 & sleep 60", 100);
    await expect(late).rejects.toThrow(
      'Command "/bin/sh -c sleep 60 & sleep 60" was killed: it was not done after 0.1 s.',
    );
  });

  test("rejects when the command cannot be started", async () => {
    const call = runCommand({ command: "/no/such", args: [], env: {}, timeoutMs: 1_000 });
    await expect(call).rejects.toThrow('Cannot start "/no/such"');
  });
});
