import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { aptServerKind, fetchRedisWithApt } from "../../../src/dev/redis/redis-from-apt.ts";
import { versionScript, writeProgram } from "./stand-in-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Leaves an empty file for each package name, as the real one leaves the packages. */
const download =
  'while [ "$1" != download ]; do shift; done; shift; for name in "$@"; do : > "$name.deb"; done';
/** Unpacks each package into a folder of libraries, and `redis-server` into the server. */
const unpack = `
case "$2" in */redis-server.deb)
  mkdir -p "$3/usr/bin"; cp "$0.server" "$3/usr/bin/redis-server";;
*)
  mkdir -p "$3/usr/lib/some-linux"; : > "$3/usr/lib/some-linux/$(basename "$2" .deb).so.1";;
esac`;

/** A PATH with stand-ins for apt-get, which does `scripts` by command and logs its calls, and dpkg-deb. */
async function machine(scripts: { update?: string; simulate?: string; download?: string }) {
  const folder = await temporaryFolder();
  const bin = join(folder, "bin");
  await writeProgram(
    join(bin, "apt-get"),
    `echo "$@" >> "$0.log"; env > "$0.env"
case " $* " in
*" update "*) ${scripts.update ?? ":"};;
*" --simulate "*) ${scripts.simulate ?? "exit 100"};;
*" download "*) ${scripts.download ?? download};;
esac`,
  );
  await writeProgram(join(bin, "dpkg-deb"), unpack);
  await writeProgram(join(bin, "dpkg-deb.server"), versionScript("7.0.15"));
  const lines: string[] = [];
  const cache = join(folder, "cache");
  await writeProgram(join(cache, ".keep"), "");
  return {
    cache,
    lines,
    fetch: (env = {}) =>
      fetchRedisWithApt(
        { env: { PATH: `${bin}:/usr/bin:/bin`, ...env }, say: (line) => void lines.push(line) },
        cache,
      ),
    calls: async () => (await readFile(join(bin, "apt-get.log"), "utf8")).trim().split("\n"),
    aptEnv: () => readFile(join(bin, "apt-get.env"), "utf8"),
  };
}

describe("fetchRedisWithApt()", () => {
  test("unpacks the server and its libraries into the cache", async () => {
    const { cache, fetch, lines } = await machine({});
    const server = await fetch();
    const folder = join(cache, (await aptServerKind()).name);
    expect(server).toEqual({
      path: join(folder, "root/usr/bin/redis-server"),
      env: { LD_LIBRARY_PATH: join(folder, "root/usr/lib/some-linux") },
      version: "Redis 7.0.15",
      source: "apt",
    });
    expect((await readdir(folder)).sort()).toEqual(["root", "server.json"]);
    expect(lines).toEqual([
      `Fetching the Debian packages of redis-server into "${cache}", without root (some seconds).`,
      "Using Redis 7.0.15 from the Debian packages.",
    ]);
  });

  test("downloads the libraries that apt finds missing, and neither perl nor an own libc", async () => {
    const plan = [
      "libc6 [2.35] (2.36",
      "libperl5.36 (5",
      "adduser (3",
      "libssl3 (3",
      "lua-cjson (2",
      "redis-server (7",
    ];
    const { fetch, calls } = await machine({
      simulate: plan.map((entry) => `echo 'Inst ${entry})'`).join(";"),
    });
    await fetch();
    const last = (await calls()).at(-1);
    expect(last).toMatch(/ download redis-server redis-tools libssl3 lua-cjson$/);
  });

  test("downloads the usual libraries where apt cannot plan", async () => {
    const { fetch, calls } = await machine({ simulate: "echo 'Inst redis-server (7)'; exit 100" });
    await fetch();
    const last = (await calls()).at(-1);
    expect(last).toMatch(/ download redis-server redis-tools libjemalloc2 liblzf1 libatomic1$/);
  });

  test("goes on when a source of the machine is broken", async () => {
    const { fetch } = await machine({ update: "echo 'E: no such host' >&2; exit 100" });
    expect((await fetch())?.version).toBe("Redis 7.0.15");
  });

  test("hands apt the caller's proxy, and none of leasehold's or AWS's settings", async () => {
    const { fetch, aptEnv } = await machine({});
    await fetch({ http_proxy: "http://proxy:3128", LEASEHOLD_ROOT_KEY: "k", AWS_SECRET_ACCESS_KEY: "s" });
    expect(await aptEnv()).toContain("http_proxy=http://proxy:3128\n");
    expect(await aptEnv()).not.toMatch(/LEASEHOLD|AWS/);
  });

  test("says in one line why it failed, and leaves nothing in the cache", async () => {
    const { cache, fetch, lines } = await machine({
      download: "echo 'E: Unable to locate package redis-server.' >&2; exit 100",
    });
    expect(await fetch()).toBeUndefined();
    expect(lines.at(-1)).toBe("Cannot get Redis with apt: E: Unable to locate package redis-server.");
    expect(await readdir(cache)).toEqual([".keep"]);
  });

  test("does nothing where there is no apt", async () => {
    const lines: string[] = [];
    const folder = await temporaryFolder();
    const search = { env: { PATH: folder }, say: (line: string) => void lines.push(line) };
    expect(await fetchRedisWithApt(search, folder)).toBeUndefined();
    expect(lines).toEqual([]);
  });
});

describe("aptServerKind()", () => {
  test("names the release and the processor", async () => {
    const file = await writeProgram(
      join(await temporaryFolder(), "os-release"),
      'VERSION_ID="12"\nID=debian',
    );
    expect((await aptServerKind(file)).name).toBe(`apt-debian-12-${process.arch}`);
  });

  test("does without a release file", async () => {
    expect((await aptServerKind("/no/such/file")).name).toBe(`apt-unknown-unknown-${process.arch}`);
  });
});
