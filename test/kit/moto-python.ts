import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../src/dev/process/run-command.ts";
import { findPrograms } from "../../src/dev/redis/find-programs.ts";
import { type RedisSearch, toolEnv } from "../../src/dev/redis/redis-search.ts";

const requirements = fileURLToPath(new URL("./moto-requirements.txt", import.meta.url));
const buildPrefix = ".building-";
const installMsMax = 180_000;
const checkMsMax = 120_000;
/** No installation lasts this long: what is older was left by a process that was killed. */
const abandonedAfterMs = 3_600_000;

/**
 * Gives a Python that has moto, from a virtual environment below the cache folder that is made once.
 *
 * It is filled elsewhere and put in place by one rename, so that a half-filled one is never used, and of two
 * processes that make it at once the second takes the first one's. Other pins make another one. Rejects, in a
 * sentence, where there is no Python with venv and pip, or the packages cannot be had.
 */
export async function motoPython(search: Pick<RedisSearch, "env" | "cacheDir" | "say">): Promise<string> {
  const { cacheDir, say } = search;
  const pins = createHash("sha256")
    .update(await readFile(requirements))
    .digest("hex")
    .slice(0, 12);
  const cache = join(cacheDir, "moto");
  const folder = join(cache, `${pins}-${process.platform}-${process.arch}`);
  const python = join(folder, "bin", "python");
  const env = toolEnv(search);
  if (await hasMoto(python, env)) return python;

  // What is there and does not run is of a Python that is gone. It goes first, so that what another process puts there stays.
  await rm(folder, { recursive: true, force: true });
  await mkdir(cache, { recursive: true, mode: 0o700 });
  await removeAbandoned(cache);
  const pythons = [
    ...(await findPrograms("python3", env["PATH"])),
    ...(await findPrograms("python", env["PATH"])),
  ];
  const reasons: string[] = [];
  for (const base of pythons) {
    say(`Installing moto with "${base}" into "${folder}" (a minute at most).`);
    const building = await mkdtemp(join(cache, buildPrefix));
    try {
      await install({ base, folder: building, env });
      await rename(building, folder).catch(() => {});
      if (await hasMoto(python, env)) return python;
      reasons.push(`"${base}": what was installed into "${folder}" does not run`);
    } catch (error) {
      reasons.push(`"${base}": ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await rm(building, { recursive: true, force: true });
    }
  }
  throw new Error(
    pythons.length === 0
      ? "there is no Python on the PATH"
      : `no Python can install it (${reasons.join("; ")})`,
  );
}

type ToolEnv = Readonly<Record<string, string>>;

/** Moto is asked for by a path of its own and not by its programs, which hold the path that they were installed to. */
async function hasMoto(python: string, env: ToolEnv): Promise<boolean> {
  if ((await stat(python).catch(() => undefined)) === undefined) return false;
  const args = ["-c", "import importlib.metadata as m; m.version('moto'); import flask"];
  const outcome = await runCommand({ command: python, args, env, timeoutMs: checkMsMax }).catch(
    () => undefined,
  );
  return outcome?.code === 0;
}

async function install(tools: {
  readonly base: string;
  readonly folder: string;
  readonly env: ToolEnv;
}): Promise<void> {
  const { base, folder, env } = tools;
  const run = async (command: string, args: string[]) => {
    const outcome = await runCommand({ command, args, env, cwd: folder, timeoutMs: installMsMax });
    if (outcome.code === 0) return;
    const reason = (outcome.stderr.trim() || outcome.stdout.trim()).split("\n").at(-1)?.replace(/\.$/, "");
    throw new Error(
      reason || `"${command} ${args.slice(0, 2).join(" ")}" ended with exit code ${outcome.code}`,
    );
  };
  await run(base, ["-m", "venv", folder]);
  // Only wheels: anything else would run a build script of the package.
  const options = [
    "--quiet",
    "--disable-pip-version-check",
    "--no-input",
    "--no-deps",
    "--only-binary",
    ":all:",
  ];
  const pip = ["-m", "pip", "install", ...options, "--requirement", requirements];
  await run(join(folder, "bin", "python"), pip);
}

async function removeAbandoned(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(buildPrefix)) continue;
    const info = await stat(join(cache, name)).catch(() => undefined);
    const isAbandoned = info !== undefined && Date.now() - info.mtimeMs > abandonedAfterMs;
    if (isAbandoned) await rm(join(cache, name), { recursive: true, force: true });
  }
}
