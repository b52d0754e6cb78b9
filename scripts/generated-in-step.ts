/**
 * Generates everything anew into a scratch folder and compares it with what
 * is there. Exits 1, naming the files, where they differ.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "./generate.ts";

// What else is in vendor/ is written by hand.
const folders = ["gen", "vendor/buf"];

function filesUnder(dir: string): ReadonlyMap<string, string> {
  const files = folders.flatMap((folder) =>
    readdirSync(join(dir, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  return new Map(files.map((file) => [file.slice(dir.length + 1), readFileSync(file, "utf8")]));
}

const scratch = mkdtempSync(join(tmpdir(), "leasehold-generated-"));
try {
  generate(scratch);
  const fresh = filesUnder(scratch);
  const present = filesUnder(process.cwd());
  const names = new Set([...fresh.keys(), ...present.keys()]);
  const stale = [...names].filter((name) => fresh.get(name) !== present.get(name)).sort();
  if (stale.length > 0) {
    process.stderr.write(
      `Not in step with proto/; run "npm run generate":\n${stale.map((name) => `  ${name}\n`).join("")}`,
    );
    process.exitCode = 1;
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
