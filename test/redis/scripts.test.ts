import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { scripts } from "../../src/redis/scripts.ts";

const all = Object.values(scripts);

describe("The scripts", () => {
  it("are all the files of their folder", () => {
    const files = readdirSync(new URL("../../src/redis/lua/", import.meta.url)).filter((file) =>
      file.endsWith(".lua"),
    );
    expect(all.map(({ name }) => `${name}.lua`).sort()).toEqual(files.sort());
  });

  it.each(all)(
    "$name begins with what it is for, its keys, its arguments, and what it returns",
    ({ text }) => {
      expect(text).toMatch(/^#!lua( flags=[\w,-]+)?\n-- [A-Z]/);
      for (const word of ["KEYS", "ARGV", "Returns"]) expect(text).toMatch(new RegExp(`^-- ${word} `, "m"));
    },
  );

  it.each(all)("$name names no key but those it is given", ({ text }) => {
    expect(text).not.toContain("lh:");
    expect(text).not.toMatch(/redis\.call\('[A-Z]+', ['"]/);
  });

  it.each(all)("$name holds what it includes", ({ text }) => {
    expect(text).not.toContain("@include");
  });

  it("go on in a full Redis where they revoke, make room, or read", () => {
    const stopping = all.filter(({ text }) => !/^#!lua flags=.*allow-oom/.test(text)).map(({ name }) => name);
    expect(stopping).toEqual(["begin", "activate", "renew", "reopen", "put"]);
  });
});
