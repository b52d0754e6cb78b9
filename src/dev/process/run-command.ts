import type { Readable } from "node:stream";
import type { GuardedCommand } from "./guard-protocol.ts";
import { spawnGuarded } from "./spawn-guarded.ts";

/** What a finished command left: its exit code and its whole output. */
export interface CommandOutcome {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end as a guarded child and collects its output; a code other than 0 is no error.
 *
 * Rejects when it cannot be started, and when it is not done in `timeoutMs`: it is killed then, together
 * with what it started.
 */
export async function runCommand(options: GuardedCommand & { timeoutMs: number }): Promise<CommandOutcome> {
  const { timeoutMs, ...command } = options;
  const child = await spawnGuarded({ ...command, stdout: "pipe", stderr: "pipe" });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void child.stop(0);
  }, timeoutMs);
  const [stdout, stderr, exit] = await Promise.all([
    readAll(child.stdout),
    readAll(child.stderr),
    child.exited,
  ]);
  clearTimeout(timer);
  if (isLate) {
    const call = [command.command, ...command.args].join(" ");
    throw new Error(`Command "${call}" was killed: it was not done after ${timeoutMs / 1000} s.`);
  }
  return { code: exit.code, stdout, stderr };
}

async function readAll(output: Readable | null): Promise<string> {
  let text = "";
  output?.setEncoding("utf8");
  for await (const chunk of output ?? []) text += chunk;
  return text;
}
