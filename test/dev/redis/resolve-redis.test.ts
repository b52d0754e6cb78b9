import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { NoRedisError } from "../../../src/dev/redis/no-redis-error.ts";
import { pipServerKind } from "../../../src/dev/redis/redis-from-pip.ts";
import { resolveRedis } from "../../../src/dev/redis/resolve-redis.ts";
import { fetchIntoCache } from "../../../src/dev/redis/server-cache.ts";
import { testRedisExecutable } from "../../kit/redis-server.ts";
import { versionScript, writeProgram } from "./stand-in-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

// On a machine without Redis the first run fetches one.
beforeAll(testRedisExecutable, 180_000);

async function machine() {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "cache/redis"), { recursive: true, mode: 0o700 });
  const lines: string[] = [];
  const search = {
    env: { PATH: join(folder, "bin") },
    cacheDir: join(folder, "cache"),
    temporaryDir: join(folder, "tmp"),
    say: (line: string) => void lines.push(line),
  };
  return { folder, lines, search };
}

function fillCache(folder: string) {
  return fetchIntoCache(join(folder, "cache/redis"), pipServerKind(), async (building) => {
    await writeProgram(join(building, "valkey-server"), versionScript("9.1.2", "Valkey"));
    return { executable: "valkey-server", libraryDirs: [] };
  });
}

describe("resolveRedis()", () => {
  test("finds a server on this machine", async () => {
    const { version } = await testRedisExecutable();
    expect(version).toMatch(/^(Redis|Valkey) ([7-9]|\d\d)\./);
  });

  test("takes an installed server before one fetched earlier", async () => {
    const { folder, search } = await machine();
    await fillCache(folder);
    await writeProgram(join(folder, "bin/redis-server"), versionScript("7.2.5"));
    expect((await resolveRedis(search)).source).toBe("path");
  });

  test("takes a server fetched earlier before it fetches another", async () => {
    const { folder, lines, search } = await machine();
    const cached = await fillCache(folder);
    await writeProgram(join(folder, "bin/apt-get"), "exit 1");
    await writeProgram(join(folder, "bin/dpkg-deb"), "exit 1");
    expect(await resolveRedis(search)).toEqual(cached);
    expect(lines).toHaveLength(1);
  });

  test("tries pip when apt fails", async () => {
    const { folder, lines, search } = await machine();
    for (const name of ["apt-get", "dpkg-deb", "python3"]) {
      await writeProgram(join(folder, "bin", name), `echo "${name} is broken" >&2; exit 1`);
    }
    await expect(resolveRedis(search)).rejects.toThrow(NoRedisError);
    expect(lines.filter((line) => line.startsWith("Cannot"))).toEqual([
      "Cannot get Redis with apt: apt-get is broken.",
      "Cannot get Valkey with pip: python3 is broken.",
    ]);
  });

  test("says on an empty machine which line to type", async () => {
    const { search } = await machine();
    const error: unknown = await resolveRedis(search).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NoRedisError);
    for (const line of [
      "brew install redis",
      "sudo apt-get install redis-server",
      "sudo dnf install valkey",
      "sudo apk add redis",
      "docker run --detach --publish 127.0.0.1:6379:6379 redis:7",
    ]) {
      expect(String(error)).toContain(line);
    }
  });
});
