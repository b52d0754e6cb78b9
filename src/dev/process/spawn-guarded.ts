import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { ChildExit, GuardedCommand, GuardNews, GuardOrder } from "./guard-protocol.ts";

/** Where an output of the child goes; a number is an open file descriptor. */
export type GuardedOutput = "ignore" | "inherit" | "pipe" | number;

/** What {@link spawnGuarded} runs, and where its output goes (`ignore` unless told). */
export interface GuardedSpawn extends GuardedCommand {
  readonly stdout?: GuardedOutput;
  readonly stderr?: GuardedOutput;
}

/** A child that ends when its parent does. */
export interface GuardedChild {
  /** The pid of the command itself, not of the watcher beside it. */
  readonly pid: number;
  /** Settles once the child and its watcher are both gone; never rejects. */
  readonly exited: Promise<ChildExit>;
  /** Set where the output was asked for as `pipe`; must then be read. */
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /**
   * Asks the child to end (SIGTERM) and kills it after `graceMs`, 1 s unless told; 0 kills at once.
   * Settles with `exited`, also when the child was gone already.
   */
  stop(graceMs?: number): Promise<ChildExit>;
}

const watcherFile = fileURLToPath(new URL("./watcher.ts", import.meta.url));

/**
 * Starts a command that ends within two seconds of this process, however this process ends.
 *
 * A small watcher process starts the command and waits on a pipe to this process. Both run in sessions of
 * their own, so that Ctrl-C in a terminal reaches this process alone. Node keeps this process running until
 * the command has ended, as with any child. Rejects when the command cannot be started at all.
 */
export async function spawnGuarded(options: GuardedSpawn): Promise<GuardedChild> {
  const { command, args, env, cwd, stdout = "ignore", stderr = "ignore" } = options;
  // The watcher gets no environment: NODE_OPTIONS meant for the parent (an inspector, a loader) would slow
  // or stop it. The command among its arguments is there for whoever reads a process list.
  const watcher = spawn(process.execPath, [watcherFile, "--", command], {
    env: {},
    detached: true,
    stdio: ["ignore", stdout, stderr, "ipc"],
  });
  const tell = (order: GuardOrder) => watcher.send(order, () => {});

  let childPid: number | undefined;
  let childExit: ChildExit | undefined;
  const ended = Promise.withResolvers<ChildExit>();
  const started = Promise.withResolvers<number>();
  const refuse = (reason: string) => started.reject(new Error(`Cannot start "${command}": ${reason}.`));

  watcher.on("message", (message) => {
    const news = message as GuardNews;
    if (news.kind === "failed") return refuse(news.reason);
    if (news.kind === "exited") {
      childExit = news.exit;
      return;
    }
    childPid = news.pid;
    started.resolve(news.pid);
  });
  watcher.on("error", (error) => refuse(error.message));
  watcher.on("exit", () => {
    refuse("its watcher ended first");
    // Without news of the child's end the watcher itself was killed: nobody guards the child any more.
    if (childExit === undefined && childPid !== undefined) killOrphan(childPid);
    ended.resolve(childExit ?? { code: null, signal: "SIGKILL" });
  });

  tell({ kind: "start", command: { command, args, env, ...(cwd === undefined ? {} : { cwd }) } });
  return {
    pid: await started.promise,
    exited: ended.promise,
    stdout: watcher.stdout,
    stderr: watcher.stderr,
    stop: (graceMs = 1000) => {
      tell({ kind: "stop", graceMs });
      return ended.promise;
    },
  };
}

function killOrphan(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
