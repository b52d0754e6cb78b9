// The process between a parent and its child. It is the child's own parent, so it sees its end and can
// never signal a recycled pid; and it holds one end of a pipe to the parent, which the kernel closes when
// the parent ends in any way, SIGKILL included. Then the child is ended too.

import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { ChildExit, GuardedCommand, GuardNews, GuardOrder } from "./guard-protocol.ts";

/** Leaves room within the two seconds in which a child must be gone after its parent. */
const orphanGraceMs = 1000;

let child: ChildProcess | undefined;

function tell(news: GuardNews, then: () => void = () => {}): void {
  // The callback also takes the error of a parent that is gone: there is nobody left to tell.
  if (process.connected) process.send?.(news, undefined, undefined, then);
  else then();
}

/** Kills the child's whole process group, so that what the child forked does not outlive it. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left in the group.
  }
}

function start({ command, args, env, cwd }: GuardedCommand): void {
  const started = spawn(command, args, {
    env,
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  child = started;
  const { pid } = started;
  started.on("error", (error) => {
    if (pid === undefined) tell({ kind: "failed", reason: error.message }, () => process.exit(127));
  });
  if (pid === undefined) return;
  started.on("exit", (code, signal) => {
    killGroup(pid);
    tell({ kind: "exited", exit: { code, signal } }, () => process.exit(exitCode({ code, signal })));
  });
  tell({ kind: "started", pid });
}

function exitCode({ code, signal }: ChildExit): number {
  // 128 + n is how shells report an end by signal n.
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
}

function end(graceMs: number): void {
  const pid = child?.pid;
  if (child === undefined || pid === undefined) process.exit(0);
  if (graceMs > 0) child.kill("SIGTERM");
  setTimeout(() => killGroup(pid), graceMs);
}

// A terminal's Ctrl-C and hang-up are the parent's business: it decides in which order things stop.
process.on("SIGINT", () => {});
process.on("SIGHUP", () => {});
process.on("SIGTERM", () => end(orphanGraceMs));
process.on("disconnect", () => end(orphanGraceMs));
// The parent can be gone before this line runs; an order still waiting in the pipe must not be obeyed then.
if (!process.connected) process.exit(0);
process.on("message", (message) => {
  // Both ends come from the same checkout, so the shape needs no checking.
  const order = message as GuardOrder;
  if (order.kind === "start") start(order.command);
  else end(order.graceMs);
});
