import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Which processor core does what; undefined where processes cannot be bound to cores. */
export interface Cores {
  /** The server under test has it for itself. */
  readonly server: number;
  /** Load, Redis and the AWS simulator share it. */
  readonly load: number;
}

/**
 * Gives the load's core to this process, and so to every process that it
 * starts from now on. Answers with a sentence where that cannot be: there is one core, or no `taskset`.
 */
export async function claimCores(): Promise<Cores | string> {
  const [server, load] = allowedCores();
  if (server === undefined)
    return "Processes are not bound to cores: this system does not tell which there are.";
  if (load === undefined)
    return "Processes are not bound to cores: there is only one. Server and load share it.";
  try {
    await bindToCores(process.pid, [load]);
  } catch {
    return "Processes are not bound to cores: there is no taskset. Server and load may disturb each other.";
  }
  return { server, load };
}

/** Binds a process, all its threads, to some cores. Rejects where `taskset` fails. */
export async function bindToCores(pid: number, cores: readonly number[]): Promise<void> {
  await run("taskset", ["--all-tasks", "--cpu-list", "--pid", cores.join(","), String(pid)]);
}

/** Cores that this process may use, as Linux lists them: `0-1,4`. */
function allowedCores(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
    return list.split(",").flatMap((range) => {
      const [first = Number.NaN, last = first] = range.split("-").map(Number);
      return Number.isNaN(first) ? [] : Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
  } catch {
    return [];
  }
}
