import { readFileSync, writeFileSync } from "node:fs";
import type { Log } from "./rpc/log.ts";

/** Variables that hold secrets. What reads the environment later, such as a library or a child, finds them no more. */
const secretVariables = [
  "LEASEHOLD_ROOT_KEY",
  "LEASEHOLD_ROOT_KEY_KMS",
  "LEASEHOLD_ROOT_TOKEN",
  "LEASEHOLD_REDIS_URL",
  "REDIS_URL",
];

/** The most that a core dump of this process may hold, as Linux tells it; undefined where nobody does. */
function coreDumpLimit(): string | undefined {
  try {
    return /^Max core file size\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Keeps the debugger shut that Node opens on SIGUSR1, through which whoever may signal this process could read its keys: a listener
 * of one's own takes the place of Node's. Until it is there, only `--disable-sigusr1` helps.
 */
export function keepDebuggerShut(): void {
  process.on("SIGUSR1", () => undefined);
}

/**
 * Has Linux leave all memory out of a core dump of this process: registers and nothing else, see core(5). Answers whether it was
 * taken; other systems have nothing like it.
 */
function emptyCoreDumps(): boolean {
  try {
    writeFileSync("/proc/self/coredump_filter", "0");
    return true;
  } catch {
    return false;
  }
}

/** Takes the secrets out of the environment, now that they were read, and keeps them out of core dumps; where it cannot, it says so. */
export function hardenProcess(options: {
  readonly environment: Record<string, string | undefined>;
  readonly log: Pick<Log, "warn">;
}): void {
  const { environment, log } = options;
  for (const name of secretVariables) delete environment[name];
  if (emptyCoreDumps()) return;
  const limit = coreDumpLimit();
  if (limit !== undefined && limit !== "0")
    log.warn(
      { limit },
      "a crash would write the memory of this process, keys and all, to disk; set ulimit -c 0",
    );
}
