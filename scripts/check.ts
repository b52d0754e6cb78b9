/**
 * Runs everything that a change has to pass: format and lint, types, proto
 * lint, generated code in step, and all tests. Every step runs even when an
 * earlier one failed; the exit code is 1 when any did.
 */
import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";

const steps: readonly (readonly [title: string, command: string, ...args: string[]])[] = [
  ["format and lint", "biome", "check", "--error-on-warnings", "."],
  ["types", "tsc", "--noEmit"],
  ["proto lint", "buf", "lint"],
  ["generated code in step", "node", "scripts/generated-in-step.ts"],
  ["tests", "vitest", "run", "--reporter=dot"],
];

const failed: string[] = [];
for (const [title, command, ...args] of steps) {
  const startedMs = performance.now();
  process.stdout.write(`\n== ${title}: ${[command, ...args].join(" ")}\n`);
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`== ${title}: ${status === 0 ? "ok" : "FAILED"} (${seconds} s)\n`);
  if (status !== 0) failed.push(title);
}

process.stdout.write(`\n${steps.length - failed.length} passed, ${failed.length} failed\n`);
if (failed.length > 0) {
  process.stdout.write(`failed: ${failed.join(", ")}\n`);
  process.exitCode = 1;
}
