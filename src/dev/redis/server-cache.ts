import { constants } from "node:fs";
import {
  access,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { delimiter, join } from "node:path";
import { checkRedisExecutable, type ExecutableCheck, type RedisExecutable } from "./redis-executable.ts";
import type { RedisSearch } from "./redis-search.ts";

/** What a step put into the folder it was given; paths are relative to that folder. */
export interface FetchedServer {
  readonly executable: string;
  /** Folders of shared libraries the server needs beside the system's own. */
  readonly libraryDirs: readonly string[];
}

/** A kind of fetched server; `name` is its folder in the cache. */
export interface ServerKind {
  readonly name: string;
  readonly source: "apt" | "pip";
}

const recordFile = "server.json";
const buildPrefix = ".fetching-";
/** No fetch lasts this long: what is older was left by a process that was killed. */
const abandonedAfterMs = 3_600_000;

/**
 * Opens the folder for fetched servers, and gives its path.
 *
 * It lies in the cache folder, or in the temporary one where the cache cannot be written or belongs to
 * somebody else: programs are run from it, so nobody else may be able to put one there.
 */
export async function openServerCache(search: RedisSearch): Promise<string> {
  const preferred = join(search.cacheDir, "redis");
  const refusal = await makePrivateFolder(preferred);
  if (refusal === undefined) return preferred;
  const fallback = join(search.temporaryDir, "redis");
  search.say(`Cannot keep a Redis server in "${preferred}" (${refusal}); using "${fallback}".`);
  const fallbackRefusal = await makePrivateFolder(fallback);
  if (fallbackRefusal === undefined) return fallback;
  throw new Error(`Cannot keep a Redis server in "${fallback}" either: ${fallbackRefusal}.`);
}

/** Finds a server that was fetched before; one that does not run any more is removed with a sentence. */
export async function findCachedServer(
  cache: string,
  kind: ServerKind,
  say: RedisSearch["say"],
): Promise<RedisExecutable | undefined> {
  const folder = join(cache, kind.name);
  if (!(await exists(folder))) return undefined;
  const check = await checkFolder(folder, kind);
  if (check.executable !== undefined) {
    say(`Using ${check.executable.version} fetched earlier into "${folder}".`);
    return check.executable;
  }
  say(`Removing the Redis server fetched earlier into "${folder}": ${check.refusal}.`);
  await discard(cache, folder);
  return undefined;
}

/**
 * Lets `fetch` fill a fresh folder, checks that the server in it runs, and only then puts it into the cache.
 *
 * The last step is one rename, so a half-filled folder is never used; of two processes that fetch at once,
 * the second finds the first one's server and takes that. Rejects with what `fetch` rejected with, or when
 * the server does not run.
 */
export async function fetchIntoCache(
  cache: string,
  kind: ServerKind,
  fetch: (folder: string) => Promise<FetchedServer>,
): Promise<RedisExecutable> {
  await removeAbandoned(cache);
  const building = await mkdtemp(join(cache, buildPrefix));
  const folder = join(cache, kind.name);
  try {
    const fetched = await fetch(building);
    await writeFile(join(building, recordFile), JSON.stringify(fetched), { mode: 0o600 });
    const check = await checkFolder(building, kind);
    if (check.executable === undefined) throw new Error(`the server in it cannot be used: ${check.refusal}`);
    await rename(building, folder).catch(async (error: unknown) => {
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  const check = await checkFolder(folder, kind);
  if (check.executable === undefined)
    throw new Error(`the server in "${folder}" is broken: ${check.refusal}`);
  return check.executable;
}

async function checkFolder(folder: string, kind: ServerKind): Promise<ExecutableCheck> {
  const fetched = parseRecord(await readFile(join(folder, recordFile), "utf8").catch(() => ""));
  if (fetched === undefined) return { refusal: `its "${recordFile}" cannot be read` };
  const libraryPath = fetched.libraryDirs.map((dir) => join(folder, dir)).join(delimiter);
  return checkRedisExecutable({
    path: join(folder, fetched.executable),
    env: libraryPath === "" ? {} : { LD_LIBRARY_PATH: libraryPath },
    source: kind.source,
  });
}

function parseRecord(text: string): FetchedServer | undefined {
  let record: Partial<Record<keyof FetchedServer, unknown>>;
  try {
    record = JSON.parse(text) ?? {};
  } catch {
    return undefined;
  }
  const { executable, libraryDirs } = record;
  if (typeof executable !== "string" || !Array.isArray(libraryDirs)) return undefined;
  return { executable, libraryDirs: libraryDirs.map(String) };
}

/** Makes a folder only this user can write; otherwise gives the reason, half a sentence long. */
async function makePrivateFolder(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const info = await lstat(folder);
    if (!info.isDirectory()) return "it is not a folder";
    if (process.getuid !== undefined && info.uid !== process.getuid()) return "it belongs to another user";
    if ((info.mode & 0o022) !== 0) return "other users can write to it";
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A folder in use cannot be replaced in one step, so it is moved out of the way first. */
async function discard(cache: string, folder: string): Promise<void> {
  const aside = await mkdtemp(join(cache, buildPrefix));
  await rename(folder, join(aside, "old")).catch(() => {});
  await rm(aside, { recursive: true, force: true });
}

async function removeAbandoned(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(buildPrefix)) continue;
    const folder = join(cache, name);
    const info = await stat(folder).catch(() => undefined);
    const isAbandoned = info !== undefined && Date.now() - info.mtimeMs > abandonedAfterMs;
    if (isAbandoned) await rm(folder, { recursive: true, force: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
