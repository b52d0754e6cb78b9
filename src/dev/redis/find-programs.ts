import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/** Finds every program of that name on a PATH, first one first; relative folders in it are passed over. */
export async function findPrograms(name: string, pathVariable: string | undefined): Promise<string[]> {
  const found: string[] = [];
  for (const folder of new Set((pathVariable ?? "").split(delimiter))) {
    if (isAbsolute(folder) && (await isProgram(join(folder, name)))) found.push(join(folder, name));
  }
  return found;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}
