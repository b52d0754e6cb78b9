import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { spawnGuarded } from "../../../src/dev/process/spawn-guarded.ts";

const env = { PATH: "/usr/bin:/bin" };
/** Tells that it is ready, and then lasts for longer than any test. */
const lasting = "echo ready; exec sleep 60";
const stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done";

function sh(script: string, output: "ignore" | "pipe" = "ignore") {
  return spawnGuarded({ command: "/bin/sh", args: ["-c", script], env, stdout: output });
}

async function firstLine(child: Pick<ChildProcess, "stdout">): Promise<string> {
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? [])
    return String(chunk).trim();
  return "";
}

/** An output closes once nobody holds its other end: not the watcher, not the command, nor what it started. */
async function untilClosed({ stdout }: Pick<ChildProcess, "stdout">): Promise<void> {
  stdout?.resume();
  if (stdout?.closed === false) await once(stdout, "close");
}

describe("spawnGuarded()", () => {
  test("gives the pid of the command, not of the watcher", async () => {
    const child = await sh("echo $$; exec sleep 60", "pipe");
    expect(await firstLine(child)).toBe(String(child.pid));
    await child.stop();
  });

  test("tells the command's exit code", async () => {
    const child = await sh("exit 3");
    expect(await child.exited).toEqual({ code: 3, signal: null });
  });

  test("tells the signal that ended the command", async () => {
    const child = await sh("kill -USR1 $$; sleep 60");
    expect(await child.exited).toEqual({ code: null, signal: "SIGUSR1" });
  });

  test("gives the command only the environment it is told", async () => {
    const child = await spawnGuarded({
      command: "/usr/bin/env",
      args: [],
      env: { GREETING: "hello" },
      stdout: "pipe",
    });
    expect(await firstLine(child)).toBe("GREETING=hello");
    await child.exited;
  });

  test("rejects with a sentence when the command does not exist", async () => {
    const starting = spawnGuarded({ command: "/no/such/program", args: [], env });
    await expect(starting).rejects.toThrow('Cannot start "/no/such/program": spawn /no/such/program ENOENT.');
  });

  test("ends the command when its watcher is killed", async () => {
    const child = await sh("echo $PPID; exec sleep 60", "pipe");
    process.kill(Number(await firstLine(child)), "SIGKILL");
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
    await untilClosed(child);
  });

  test("ends what the command left behind when it ends", async () => {
    const child = await sh("sleep 60 & exit 0", "pipe");
    await untilClosed(child);
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });
});

describe("stop()", () => {
  test("asks with SIGTERM first", async () => {
    const child = await sh("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done", "pipe");
    await firstLine(child);
    expect(await child.stop()).toEqual({ code: 7, signal: null });
  });

  test("kills a command that ignores SIGTERM when the grace is over", async () => {
    const child = await sh(stubborn, "pipe");
    await firstLine(child);
    expect(await child.stop(50)).toEqual({ code: null, signal: "SIGKILL" });
  });

  test("kills at once without a grace", async () => {
    const child = await sh(lasting);
    expect(await child.stop(0)).toEqual({ code: null, signal: "SIGKILL" });
  });

  test("settles when the command is gone already", async () => {
    const child = await sh("exit 0");
    await child.exited;
    expect(await child.stop()).toEqual({ code: 0, signal: null });
  });
});

describe("a guarded command", () => {
  let parent: ChildProcess | undefined;
  afterEach(() => parent?.kill("SIGKILL"));

  function startParent(mode: "wait" | "die-at-once", script: string): ChildProcess {
    const file = fileURLToPath(new URL("./guarded-parent.ts", import.meta.url));
    parent = spawn(process.execPath, [file, mode, script], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    return parent;
  }

  async function msUntilAllAreGone(started: ChildProcess): Promise<number> {
    const sinceMs = performance.now();
    await untilClosed(started);
    return performance.now() - sinceMs;
  }

  test("is gone, and its watcher too, within 2 s of a SIGKILL of the parent", async () => {
    const started = startParent("wait", lasting);
    await firstLine(started);
    started.kill("SIGKILL");
    expect(await msUntilAllAreGone(started)).toBeLessThan(2_000);
  });

  test("that ignores SIGTERM is gone within 2 s of a SIGKILL of the parent", async () => {
    const started = startParent("wait", stubborn);
    await firstLine(started);
    started.kill("SIGKILL");
    expect(await msUntilAllAreGone(started)).toBeLessThan(2_000);
  });

  test("does not outlive a parent that is killed before it starts", async () => {
    const started = startParent("die-at-once", lasting);
    await once(started, "exit");
    expect(await msUntilAllAreGone(started)).toBeLessThan(2_000);
  });

  test("does not hear Ctrl-C: the parent decides when it stops", async () => {
    const started = startParent("wait", lasting);
    await firstLine(started);
    // As a terminal does: to the whole process group of the parent.
    process.kill(-Number(started.pid), "SIGINT");
    expect(JSON.parse(await firstLine(started))).toEqual({ code: null, signal: "SIGTERM" });
  });
});
