import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findRedisOnPath } from "../../../src/dev/redis/redis-on-path.ts";
import { versionScript, writeProgram } from "./stand-in-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

function listener() {
  const lines: string[] = [];
  return { lines, say: (line: string) => void lines.push(line) };
}

describe("findRedisOnPath()", () => {
  test("takes the first redis-server that is new enough, and says why it passed over another", async () => {
    const folder = await temporaryFolder();
    const old = await writeProgram(join(folder, "a/redis-server"), versionScript("6.0.16"));
    const good = await writeProgram(join(folder, "b/redis-server"), versionScript("7.4.1"));
    const { lines, say } = listener();
    const found = await findRedisOnPath({ env: { PATH: `${folder}/a:${folder}/b` }, say });
    expect(found).toEqual({ path: good, env: {}, version: "Redis 7.4.1", source: "path" });
    expect(lines).toEqual([
      `Passing over "${old}": it is version 6.0.16, and 7.0 or newer is needed.`,
      `Using Redis 7.4.1 from "${good}".`,
    ]);
  });

  test("takes valkey-server where there is no redis-server", async () => {
    const folder = await temporaryFolder();
    const path = await writeProgram(join(folder, "valkey-server"), versionScript("8.1.0", "Valkey"));
    const found = await findRedisOnPath({ env: { PATH: folder }, say: () => {} });
    expect(found?.path).toBe(path);
  });

  test("hands on the library path the server was installed with", async () => {
    const folder = await temporaryFolder();
    await writeProgram(join(folder, "redis-server"), versionScript("7.0.0"));
    const env = { PATH: folder, LD_LIBRARY_PATH: "/opt/redis/lib", HOME: "/home/ada" };
    const found = await findRedisOnPath({ env, say: () => {} });
    expect(found?.env).toEqual({ LD_LIBRARY_PATH: "/opt/redis/lib" });
  });

  test("finds nothing in folders, in relative parts of the PATH, and without a PATH", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "redis-server"));
    const { lines, say } = listener();
    for (const PATH of [folder, ".", "", undefined]) {
      expect(await findRedisOnPath({ env: { PATH }, say })).toBeUndefined();
    }
    expect(lines).toEqual([]);
  });
});
