import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "..");
const lengthMax = 400;
const medianMax = 130;

const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const ours = tracked.filter((file) => /^(src|test|bench|scripts)\/.*\.ts$/.test(file));
const source = ours.filter((file) => file.startsWith("src/"));
const lengthOf = (file: string): number => read(file).split("\n").length;

/** The files of this project that a file imports, and the packages, as written after `from` or in `import()`. */
function importsOf(file: string): readonly string[] {
  return [...read(file).matchAll(/(?:from|import|import\()\s*"([^"]+)"/g)].map(([, name = ""]) =>
    name.startsWith(".") ? normalize(join(dirname(file), name)) : name,
  );
}

/** Files of `folder` that import something not allowed there. */
function strayImports(folder: string, isAllowed: (name: string) => boolean): readonly string[] {
  return source
    .filter((file) => file.startsWith(`${folder}/`))
    .flatMap((file) =>
      importsOf(file)
        .filter((name) => !isAllowed(name))
        .map((name) => `${file} imports ${name}`),
    );
}

const isInside =
  (...folders: readonly string[]) =>
  (name: string) =>
    folders.some((folder) => name.startsWith(`${folder}/`));
const isPackage = (name: string): boolean => !/^(src|gen|test|bench|scripts)\//.test(name);

it("core imports only itself and node:crypto", () => {
  expect(strayImports("src/core", (name) => isInside("src/core")(name) || name === "node:crypto")).toEqual(
    [],
  );
});

it("backends, redis and rpc import core and packages, and never each other", () => {
  const isOutside =
    (folder: string, ...more: readonly string[]) =>
    (name: string) =>
      isPackage(name) || isInside("src/core", folder, ...more)(name);
  expect(strayImports("src/backends", isOutside("src/backends"))).toEqual([]);
  expect(strayImports("src/redis", isOutside("src/redis"))).toEqual([]);
  expect(strayImports("src/audit", isOutside("src/audit"))).toEqual([]);
  expect(strayImports("src/rpc", isOutside("src/rpc", "gen"))).toEqual([]);
});

it("one backend never imports another", () => {
  for (const backend of ["approle", "aws", "cert", "jwt", "kv"]) {
    const folder = `src/backends/${backend}`;
    expect(strayImports(folder, (name) => isPackage(name) || isInside("src/core", folder)(name))).toEqual([]);
  }
});

it("only rpc, cli and the demo import generated code", () => {
  const strays = source.filter(
    (file) => !/^src\/(rpc|cli|dev\/demo)\//.test(file) && importsOf(file).some(isInside("gen")),
  );
  expect(strays).toEqual([]);
});

it("only src/config.ts and src/cli/settings.ts read the environment", () => {
  const readers = source.filter((file) => /process\.env\b/.test(read(file)));
  expect(readers.filter((file) => file !== "src/config.ts" && file !== "src/cli/settings.ts")).toEqual([]);
});

it("no file is long, and half of them fit a screen or two", () => {
  expect(ours.filter((file) => lengthOf(file) > lengthMax)).toEqual([]);
  const lengths = source.map(lengthOf).sort((a, b) => a - b);
  expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(medianMax);
});

it("file names are kebab-case, and say what is in the file", () => {
  const vague = /^(utils?|helpers?|common|types|misc|manager|shared)$/;
  const names = ours.map((file) => basename(file).replace(/\.(test\.)?ts$/, ""));
  expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) || vague.test(name))).toEqual([]);
});

it("every export of the source has a docstring", () => {
  const exported = /^export (?:async )?(?:abstract )?(?:function|const|class|interface|type)\b/;
  const bare = source.flatMap((file) => {
    const lines = read(file).split("\n");
    return lines.flatMap((line, at) =>
      exported.test(line) && !/\*\/\s*$/.test(lines[at - 1] ?? "") && !isOverload(lines, at)
        ? [`${file}:${at + 1}`]
        : [],
    );
  });
  expect(bare).toEqual([]);
});

/** A further signature of the function above it shares that one's docstring. */
function isOverload(lines: readonly string[], at: number): boolean {
  const name = /^export (?:async )?function (\w+)/.exec(lines[at] ?? "")?.[1];
  return name !== undefined && new RegExp(`^export (?:async )?function ${name}\\b`).test(lines[at - 1] ?? "");
}

it("no file escapes the type checker or the linter, or is left unfinished", () => {
  const escapes =
    /@ts-(ignore|expect-error|nocheck)|\bas any\b|: any[;,)[ ]? ?[=;,)[{]|<any>|biome-ignore|\bTODO\b|\bFIXME\b|\bXXX\b/;
  const self = "test/tidy.test.ts";
  expect(ours.filter((file) => file !== self && escapes.test(read(file)))).toEqual([]);
});

it("no test is skipped or singled out", () => {
  const marks = /\b(?:it|test|describe)\.(?:only|skip|todo)\(/;
  expect(ours.filter((file) => file.startsWith("test/") && marks.test(read(file)))).toEqual([]);
});

it("every test file is one that the runner finds, or is imported by one", () => {
  const imported = new Set(ours.flatMap(importsOf));
  const lost = ours.filter(
    (file) => file.startsWith("test/") && !file.endsWith(".test.ts") && !imported.has(file),
  );
  // Programs that tests start as processes are named in a string.
  const named = lost.filter(
    (file) => !ours.some((other) => other !== file && read(other).includes(basename(file))),
  );
  expect(named).toEqual([]);
});

it("every dependency is pinned exactly, and the lockfile names no host", () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read("package.json"));
  const ranges = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)),
  );
  expect(ranges).toEqual([]);
  expect(/"resolved": "https?:/.test(read("package-lock.json"))).toBe(false);
});

it("every error code has a row in docs/ERRORS.md, and every row is a code", () => {
  const codes = [...read("src/core/errors.ts").matchAll(/^\s+\| "([A-Z_]+)"/gm)]
    .map(([, code]) => code)
    .sort();
  const rows = [...read("docs/ERRORS.md").matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code).sort();
  expect(rows).toEqual(codes);
});

it("every variable of the environment that the configuration reads is documented", () => {
  const names = new Set(
    [...read("src/config.ts").matchAll(/"((?:LEASEHOLD|AWS|REDIS)_[A-Z_]+)"/g)].map(([, name]) => name),
  );
  const documented = read("docs/OPERATIONS.md");
  expect([...names].filter((name) => !documented.includes(`\`${name}\``))).toEqual([]);
});
