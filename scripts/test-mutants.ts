/**
 * Puts one bug after the other into a copy of the project, and sees whether
 * the tests find it: `npm run test:mutants`. Prints which test found each, and
 * with how many seeds the simulation did. Ends with 1 where a bug survives, or
 * no longer fits the source.
 *
 * Words after the command pick the bugs whose names contain one of them.
 */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Mutant, mutants } from "../test/mutants/mutants.ts";

const root = join(import.meta.dirname, "..");
/** How many seeds are tried at a time, until the bug is found. */
const seedSteps = [10, 50, 200, 1000] as const;

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** How a suite took a bug. */
interface Finding {
  readonly isFound: boolean;
  readonly words: string;
}

const copy = mkdtempSync(join(tmpdir(), "leasehold-mutants-"));
try {
  process.exitCode = main(process.argv.slice(2));
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function main(words: readonly string[]): number {
  copyProject();
  const picked = mutants.filter(
    ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
  );
  if (picked.length === 0) {
    process.stderr.write(`No bug has a name with ${words.join(" or ")} in it.\n`);
    return 2;
  }
  const sound = checkSound(picked);
  if (sound !== undefined) {
    process.stdout.write(`Without any bug: ${sound}\nThe tests must pass before they can tell anything.\n`);
    return 1;
  }
  const failures = picked.filter((mutant) => !isFound(mutant)).map(({ name }) => name);
  process.stdout.write(
    `\n${picked.length} bugs, ${picked.length - failures.length} found${failures.length > 0 ? `; NOT FOUND: ${failures.join("; ")}` : ""}\n`,
  );
  return failures.length > 0 ? 1 : 0;
}

/** Copies what belongs to the project, changes that are not committed yet included. */
function copyProject(): void {
  const listing = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const files = execFileSync("git", listing, { cwd: root, encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  for (const file of files.split("\0")) {
    if (file === "" || file === "node_modules" || !existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(copy, file)), { recursive: true });
    copyFileSync(join(root, file), join(copy, file));
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
}

/** Runs everything that will be run, without a bug; answers what fails. */
function checkSound(picked: readonly Mutant[]): string | undefined {
  const tests = runTests([...new Set(picked.flatMap((mutant) => mutant.tests))]);
  if (tests.isFound) return tests.words;
  if (picked.every(({ seedsMax }) => seedsMax === undefined)) return undefined;
  const seeds = simulate(50);
  return seeds.isFound ? seeds.words : undefined;
}

/** Puts one bug in, has it looked for, and takes it out again. */
function isFound(mutant: Mutant): boolean {
  process.stdout.write(`\n${mutant.name}\n`);
  const before = new Map(mutant.edits.map(({ file }) => [file, readFileSync(join(copy, file), "utf8")]));
  try {
    for (const { file, from, to } of mutant.edits) {
      const text = readFileSync(join(copy, file), "utf8");
      if (text.split(from).length !== 2) {
        process.stdout.write(`  does not fit: ${file} must contain exactly once ${JSON.stringify(from)}\n`);
        return false;
      }
      writeFileSync(
        join(copy, file),
        text.replace(from, () => to),
      );
    }
    const findings = [runTests(mutant.tests)];
    if (mutant.seedsMax !== undefined) findings.push(searchSeeds(mutant.seedsMax));
    for (const { words } of findings) process.stdout.write(`  ${words}\n`);
    return findings.every((finding) => finding.isFound);
  } finally {
    for (const [file, text] of before) writeFileSync(join(copy, file), text);
  }
}

/** Runs test files until one test fails. */
function runTests(files: readonly string[]): Finding {
  const output = join(copy, "report.json");
  rmSync(output, { force: true });
  const vitest = join(copy, "node_modules", ".bin", "vitest");
  const args = [
    "run",
    "--bail=1",
    "--testTimeout=60000",
    "--reporter=json",
    `--outputFile=${output}`,
    ...files,
  ];
  const { stderr } = spawnSync(vitest, args, { cwd: copy, encoding: "utf8" });
  if (!existsSync(output)) return { isFound: false, words: `the tests do not run: ${stderr.slice(0, 400)}` };
  const { testResults }: TestReport = JSON.parse(readFileSync(output, "utf8"));
  for (const { name, message, assertionResults } of testResults) {
    const failed = assertionResults.find(({ status }) => status === "failed");
    const file = name.slice(name.indexOf("test/"));
    if (failed) return { isFound: true, words: `found by ${file}: ${failed.fullName}` };
    if (message !== "")
      return { isFound: true, words: `found by ${file}, which fails: ${message.slice(0, 200)}` };
  }
  return { isFound: false, words: `not found by ${files.join(", ")}` };
}

/** Plays more and more seeds until the simulation finds the bug. */
function searchSeeds(seedsMax: number): Finding {
  for (const step of seedSteps) {
    const finding = simulate(Math.min(step, seedsMax));
    if (finding.isFound || step >= seedsMax) return finding;
  }
  return { isFound: false, words: `not found by the simulation` };
}

function simulate(seeds: number): Finding {
  const node = process.execPath;
  const args = ["scripts/test-simulation.ts", "--seeds", String(seeds)];
  const { stdout, stderr, status } = spawnSync(node, args, { cwd: copy, encoding: "utf8" });
  const [, seed, invariant] = /^seed (\d+): this does not hold: (.+)$/m.exec(stdout) ?? [];
  if (seed !== undefined)
    return { isFound: true, words: `found by the simulation after ${seed} seeds: ${invariant}` };
  if (status !== 0)
    return { isFound: false, words: `the simulation does not run: ${(stdout + stderr).slice(-400)}` };
  return { isFound: false, words: `not found by the simulation with ${seeds} seeds` };
}
