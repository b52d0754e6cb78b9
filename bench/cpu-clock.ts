import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** Starts to measure the CPU time of a process, user and system, all threads; what it gives answers the milliseconds since. */
export function startCpuClock(pid: number): () => number {
  const before = cpuTimes(pid);
  return () => {
    let ms = 0;
    for (const [thread, nowMs] of cpuTimes(pid)) ms += nowMs - (before.get(thread) ?? 0);
    return ms;
  };
}

/** CPU time by thread, in milliseconds; elsewhere than on Linux by process alone, in hundredths of a second. */
function cpuTimes(pid: number): ReadonlyMap<string, number> {
  if (process.platform !== "linux") return new Map([["", reportedMs(pid)]]);
  const threads = readdirSync(`/proc/${pid}/task`);
  return new Map(threads.map((thread) => [thread, scheduledMs(`/proc/${pid}/task/${thread}`)]));
}

/** Each file begins with the time on a core, in ns (Documentation/scheduler/sched-stats.rst of the kernel). */
function scheduledMs(folder: string): number {
  try {
    return Number(readFileSync(`${folder}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch (error) {
    // A thread may end between the list and this.
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return 0;
    throw error;
  }
}

function reportedMs(pid: number): number {
  // [[days-]hours:]minutes:seconds
  const text = execFileSync("ps", ["-o", "time=", "-p", String(pid)], { encoding: "utf8" }).trim();
  const parts = text.split(/[-:]/).map(Number).reverse();
  const weights = [1, 60, 3600, 86_400];
  return parts.reduce((sum, part, place) => sum + part * (weights[place] ?? 0), 0) * 1000;
}
