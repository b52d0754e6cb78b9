import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkRedisExecutable } from "../../../src/dev/redis/redis-executable.ts";
import { versionScript, writeProgram } from "./stand-in-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

async function check(script: string, env: Record<string, string> = {}) {
  const path = await writeProgram(join(await temporaryFolder(), "redis-server"), script);
  return checkRedisExecutable({ path, env, source: "path" });
}

describe("checkRedisExecutable()", () => {
  test("accepts Redis 7.0", async () => {
    const { executable } = await check(versionScript("7.0.15"));
    expect(executable?.version).toBe("Redis 7.0.15");
  });

  test("accepts Valkey 9.1", async () => {
    const { executable } = await check(versionScript("9.1.2", "Valkey"));
    expect(executable?.version).toBe("Valkey 9.1.2");
  });

  test("runs the program in the environment it needs, and in no other", async () => {
    const script = `[ -z "$HOME" ] && ${versionScript("$WANTED")}`;
    const { executable } = await check(script, { WANTED: "7.2.0" });
    expect(executable?.version).toBe("Redis 7.2.0");
  });

  test("refuses Redis 6.2, and says what is needed", async () => {
    const { refusal } = await check(versionScript("6.2.14"));
    expect(refusal).toBe("it is version 6.2.14, and 7.0 or newer is needed");
  });

  test("refuses a program that fails, with the first line it says", async () => {
    const { refusal } = await check("echo 'liblzf.so.1: cannot open' >&2; echo more >&2; exit 127");
    expect(refusal).toBe("it does not run (liblzf.so.1: cannot open)");
  });

  test("refuses a program that is something else", async () => {
    const { refusal } = await check("echo 'nginx version 1.2'");
    expect(refusal).toBe("it does not tell its version");
  });

  test("refuses a file that is no program", async () => {
    const path = join(await temporaryFolder(), "redis-server");
    await writeFile(path, "text");
    const { refusal } = await checkRedisExecutable({ path, env: {}, source: "path" });
    expect(refusal).toContain("it does not run (spawn");
  });
});
