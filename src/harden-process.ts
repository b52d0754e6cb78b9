import { readFileSync } from "node:fs";
import type { Log } from "./rpc/log.ts";

/** Variables that hold secrets. What reads the environment later, such as a library or a child, finds them no more. */
const secretVariables = [
  "LEASEHOLD_ROOT_KEY",
  "LEASEHOLD_ROOT_KEY_KMS",
  "LEASEHOLD_ROOT_TOKEN",
  "LEASEHOLD_REDIS_URL",
  "REDIS_URL",
];

const noInspectorFlag = "--disable-sigusr1";

/** The most that a core dump of this process may hold, as Linux tells it; undefined where nobody does. */
function coreDumpLimit(): string | undefined {
  try {
    return /^Max core file size\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Takes the secrets out of the environment, now that they were read, and says what of the process's surroundings would let its
 * memory be read: neither can be changed from within.
 */
export function hardenProcess(options: {
  readonly environment: Record<string, string | undefined>;
  /** The flags that Node was started with. */
  readonly nodeFlags: readonly string[];
  readonly log: Pick<Log, "warn">;
}): void {
  const { environment, nodeFlags, log } = options;
  for (const name of secretVariables) delete environment[name];
  if (!nodeFlags.includes(noInspectorFlag) && !(environment.NODE_OPTIONS ?? "").includes(noInspectorFlag)) {
    log.warn(
      `whoever may signal this process can open a debugger in it, and read its keys; start it with node ${noInspectorFlag}`,
    );
  }
  const limit = coreDumpLimit();
  if (limit !== undefined && limit !== "0")
    log.warn(
      { limit },
      "a crash would write the memory of this process, keys and all, to disk; set ulimit -c 0",
    );
}
