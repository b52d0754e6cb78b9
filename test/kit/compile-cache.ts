import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../src/dev/process/run-command.ts";

const program = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
/** Beside the tools' own caches, and not in the tree. */
const dir = fileURLToPath(new URL("../../node_modules/.cache/leasehold-tests", import.meta.url));

let filled: Promise<unknown> | undefined;

/**
 * The environment with which a server finds its code compiled: compiling is half of a start, and these tests start
 * dozens. Node checks every entry against its source, so that an old one is never run.
 */
export async function compileCacheEnv(): Promise<Readonly<Record<string, string>>> {
  const env = { NODE_COMPILE_CACHE: dir };
  // Node writes at an orderly end only, and the tests kill their servers: this one ends for want of a configuration.
  if (!existsSync(dir))
    filled ??= runCommand({ command: process.execPath, args: [program], env, timeoutMs: 20_000 });
  await filled;
  return env;
}
