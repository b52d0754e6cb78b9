import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a shell script that stands in for a program, and gives its path. */
export async function writeProgram(file: string, script: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

/** A script that answers `--version` as this Redis would. */
export function versionScript(version: string, product = "Redis"): string {
  return `echo "${product} server v=${version} sha=00000000:0 malloc=libc bits=64 build=0"`;
}
