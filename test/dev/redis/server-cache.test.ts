import { chmod, mkdir, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  fetchIntoCache,
  findCachedServer,
  openServerCache,
  type ServerKind,
} from "../../../src/dev/redis/server-cache.ts";
import { versionScript, writeProgram } from "./stand-in-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const kind: ServerKind = { name: "apt-debian-12-x64", source: "apt" };

/** Stands in for a step that fetches a server, of this version unless its script is given. */
function fetching(version: string, script = versionScript(version)) {
  return async (folder: string) => {
    await writeProgram(join(folder, "bin/redis-server"), script);
    return { executable: "bin/redis-server", libraryDirs: ["lib"] };
  };
}

describe("fetchIntoCache()", () => {
  test("keeps a server that runs, for findCachedServer() to find", async () => {
    const cache = await temporaryFolder();
    const fetched = await fetchIntoCache(cache, kind, fetching("7.0.15"));
    expect(fetched).toEqual({
      path: join(cache, "apt-debian-12-x64/bin/redis-server"),
      env: { LD_LIBRARY_PATH: join(cache, "apt-debian-12-x64/lib") },
      version: "Redis 7.0.15",
      source: "apt",
    });
    const lines: string[] = [];
    expect(await findCachedServer(cache, kind, (line) => lines.push(line))).toEqual(fetched);
    expect(lines).toEqual([`Using Redis 7.0.15 fetched earlier into "${join(cache, kind.name)}".`]);
  });

  test("keeps nothing when fetching fails half-way", async () => {
    const cache = await temporaryFolder();
    const call = fetchIntoCache(cache, kind, async (folder) => {
      await writeProgram(join(folder, "bin/redis-server"), versionScript("7.0.15"));
      throw new Error("the line was cut");
    });
    await expect(call).rejects.toThrow("the line was cut");
    expect(await readdir(cache)).toEqual([]);
  });

  test("keeps nothing when the server does not run here", async () => {
    const cache = await temporaryFolder();
    const call = fetchIntoCache(cache, kind, fetching("", "exit 1"));
    await expect(call).rejects.toThrow("the server in it cannot be used: it does not run");
    expect(await readdir(cache)).toEqual([]);
  });

  test("gives two that fetch at once the same server, whole", async () => {
    const cache = await temporaryFolder();
    const bothStarted = Promise.withResolvers<void>();
    let startedCount = 0;
    const together = async (folder: string) => {
      if (++startedCount === 2) bothStarted.resolve();
      await bothStarted.promise;
      return fetching("7.0.15")(folder);
    };
    const [one, other] = await Promise.all([
      fetchIntoCache(cache, kind, together),
      fetchIntoCache(cache, kind, together),
    ]);
    expect(one).toEqual(other);
    expect(await readdir(cache)).toEqual([kind.name]);
  });

  test("removes what a killed process left an hour ago, and not what is being fetched now", async () => {
    const cache = await temporaryFolder();
    await mkdir(join(cache, ".fetching-old"));
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(cache, ".fetching-old"), longAgo, longAgo);
    await mkdir(join(cache, ".fetching-now"));
    await fetchIntoCache(cache, kind, fetching("7.0.15"));
    expect((await readdir(cache)).sort()).toEqual([".fetching-now", kind.name]);
  });
});

describe("findCachedServer()", () => {
  test("finds nothing in an empty cache", async () => {
    expect(await findCachedServer(await temporaryFolder(), kind, () => {})).toBeUndefined();
  });

  test.each([
    [
      "whose server is gone",
      (folder: string) => rm(join(folder, "bin"), { recursive: true }),
      "it does not run",
    ],
    [
      "without its record",
      (folder: string) => rm(join(folder, "server.json")),
      'its "server.json" cannot be read',
    ],
    [
      "whose record is damaged",
      (folder: string) => writeFile(join(folder, "server.json"), '{"executable":7}'),
      'its "server.json" cannot be read',
    ],
  ])("removes a folder %s, and says so", async (_what, damage, reason) => {
    const cache = await temporaryFolder();
    await fetchIntoCache(cache, kind, fetching("7.0.15"));
    await damage(join(cache, kind.name));
    const lines: string[] = [];
    expect(await findCachedServer(cache, kind, (line) => lines.push(line))).toBeUndefined();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`Removing the Redis server fetched earlier into "${join(cache, kind.name)}"`);
    expect(lines[0]).toContain(reason);
    expect(await readdir(cache)).toEqual([]);
  });
});

describe("openServerCache()", () => {
  async function open(prepare: (cacheDir: string) => Promise<unknown>) {
    const folder = await temporaryFolder();
    const cacheDir = join(folder, "cache");
    await prepare(cacheDir);
    const lines: string[] = [];
    const search = {
      env: {},
      cacheDir,
      temporaryDir: join(folder, "tmp"),
      say: (line: string) => void lines.push(line),
    };
    return { cache: await openServerCache(search), folder, lines };
  }

  test("opens the cache folder, made if missing", async () => {
    const { cache, folder, lines } = await open(async () => {});
    expect(cache).toBe(join(folder, "cache/redis"));
    expect(lines).toEqual([]);
  });

  test("goes to the temporary folder where the cache cannot be made, and says why", async () => {
    const { cache, folder, lines } = await open((cacheDir) => writeFile(cacheDir, "a file, not a folder"));
    expect(cache).toBe(join(folder, "tmp/redis"));
    expect(lines).toEqual([expect.stringContaining("ENOTDIR")]);
  });

  test("runs nothing from a cache others can write to", async () => {
    const { cache, folder, lines } = await open(async (cacheDir) => {
      await mkdir(join(cacheDir, "redis"), { recursive: true });
      await chmod(join(cacheDir, "redis"), 0o777);
    });
    expect(cache).toBe(join(folder, "tmp/redis"));
    expect(lines).toEqual([expect.stringContaining("other users can write to it")]);
  });

  test("does not follow a link in place of the cache", async () => {
    const { lines } = await open(async (cacheDir) => {
      await mkdir(cacheDir);
      await symlink("/tmp", join(cacheDir, "redis"));
    });
    expect(lines).toEqual([expect.stringContaining("it is not a folder")]);
  });
});
