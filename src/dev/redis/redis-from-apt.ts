import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { type CommandOutcome, runCommand } from "../process/run-command.ts";
import { writeAptConfig } from "./apt-config.ts";
import { findPrograms } from "./find-programs.ts";
import type { RedisExecutable } from "./redis-executable.ts";
import { type RedisSearch, toolEnv } from "./redis-search.ts";
import { type FetchedServer, fetchIntoCache, type ServerKind } from "./server-cache.ts";

/** Both are always needed: `redis-server` is a link to a program in `redis-tools`. */
const serverPackages = ["redis-server", "redis-tools"];
/** What they need beyond a minimal Debian; used when apt cannot work it out from what is installed. */
const usualLibraryPackages = ["libjemalloc2", "liblzf1", "libatomic1"];
const timeoutMs = 90_000;

/** The cache's name for a server from apt: packages of one release do not run on another. */
export async function aptServerKind(osReleaseFile = "/etc/os-release"): Promise<ServerKind> {
  const text = await readFile(osReleaseFile, "utf8").catch(() => "");
  const field = (name: string) => new RegExp(`^${name}="?([\\w.-]+)"?$`, "m").exec(text)?.[1] ?? "unknown";
  return { name: `apt-${field("ID")}-${field("VERSION_ID")}-${process.arch}`, source: "apt" };
}

/**
 * Fetches the distribution's Redis packages into the cache and unpacks them, without root.
 *
 * Gives nothing where there is no apt, and where it fails, which is said in one line: another way may do.
 */
export async function fetchRedisWithApt(
  search: Pick<RedisSearch, "env" | "say">,
  cache: string,
): Promise<RedisExecutable | undefined> {
  const [aptGet] = await findPrograms("apt-get", search.env["PATH"]);
  const [dpkgDeb] = await findPrograms("dpkg-deb", search.env["PATH"]);
  if (aptGet === undefined || dpkgDeb === undefined) return undefined;
  search.say(`Fetching the Debian packages of redis-server into "${cache}", without root (some seconds).`);
  try {
    const executable = await fetchIntoCache(cache, await aptServerKind(), (folder) =>
      fetchPackages({ folder, aptGet, dpkgDeb, env: toolEnv(search) }),
    );
    search.say(`Using ${executable.version} from the Debian packages.`);
    return executable;
  } catch (error) {
    search.say(`Cannot get Redis with apt: ${error instanceof Error ? error.message : String(error)}.`);
    return undefined;
  }
}

async function fetchPackages(tools: {
  folder: string;
  aptGet: string;
  dpkgDeb: string;
  env: Record<string, string>;
}): Promise<FetchedServer> {
  const { folder, aptGet, dpkgDeb } = tools;
  const env = { ...tools.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  const work = join(folder, "apt");
  const debs = join(work, "debs");
  await mkdir(debs, { recursive: true });
  const config = await writeAptConfig(work);
  const apt = (...args: string[]) =>
    runCommand({ command: aptGet, args: [...config, ...args], env, cwd: debs, timeoutMs });

  // One broken source among the machine's makes this fail although the others were read: the download tells.
  const update = await apt("update");
  const packages = await missingPackages(apt);
  const download = await apt("download", ...packages);
  if (download.code !== 0)
    throw new Error(lastLine(download) ?? lastLine(update) ?? "apt-get download failed");

  const root = join(folder, "root");
  for (const deb of (await readdir(debs)).filter((name) => name.endsWith(".deb"))) {
    const args = ["-x", join(debs, deb), root];
    const unpacked = await runCommand({ command: dpkgDeb, args, env, timeoutMs });
    if (unpacked.code !== 0) throw new Error(lastLine(unpacked) ?? `dpkg-deb cannot unpack "${deb}"`);
  }
  await rm(work, { recursive: true });
  return { executable: "root/usr/bin/redis-server", libraryDirs: await findLibraryDirs(folder) };
}

/** Asks apt what an installation would bring beside the server; only libraries matter to run it. */
async function missingPackages(apt: (...args: string[]) => Promise<CommandOutcome>): Promise<string[]> {
  const plan = await apt("--simulate", "--no-install-recommends", "install", "redis-server");
  const planned = [...plan.stdout.matchAll(/^Inst ([\w.+-]+)/gm)].map(([, name = ""]) => name);
  // An own libc would not fit the machine's dynamic linker.
  const libraries = planned.filter((name) => /^(lib|lua)/.test(name) && !/perl|^libc6/.test(name));
  const isUsable = plan.code === 0 && planned.includes("redis-server");
  return [...serverPackages, ...(isUsable ? libraries : usualLibraryPackages)];
}

async function findLibraryDirs(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const libraries = entries.filter((entry) => /\.so(\.|$)/.test(entry.name));
  return [...new Set(libraries.map((entry) => relative(folder, entry.parentPath)))];
}

function lastLine({ stderr, stdout }: CommandOutcome): string | undefined {
  const lines = (stderr.trim() || stdout.trim()).split("\n");
  return lines.at(-1)?.replace(/\.$/, "") || undefined;
}
