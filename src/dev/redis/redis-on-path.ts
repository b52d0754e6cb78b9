import { findPrograms } from "./find-programs.ts";
import { checkRedisExecutable, type RedisExecutable } from "./redis-executable.ts";
import type { RedisSearch } from "./redis-search.ts";

/**
 * Finds `redis-server` or `valkey-server` on the PATH.
 *
 * One that is too old or does not run is passed over with a sentence, and the next one is tried.
 */
export async function findRedisOnPath(
  search: Pick<RedisSearch, "env" | "say">,
): Promise<RedisExecutable | undefined> {
  for (const name of ["redis-server", "valkey-server"]) {
    for (const path of await findPrograms(name, search.env["PATH"])) {
      const check = await checkRedisExecutable({ path, env: libraryEnv(search), source: "path" });
      if (check.executable !== undefined) {
        search.say(`Using ${check.executable.version} from "${path}".`);
        return check.executable;
      }
      search.say(`Passing over "${path}": ${check.refusal}.`);
    }
  }
  return undefined;
}

/** A server installed outside the system's folders can need the library path it was installed with. */
function libraryEnv({ env }: Pick<RedisSearch, "env">): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"]) {
    const value = env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
