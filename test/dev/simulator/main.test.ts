import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";

const main = join(import.meta.dirname, "../../../src/dev/simulator/main.ts");

function run(...options: string[]): ChildProcess {
  const child = spawn(process.execPath, [main, ...options], { stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => {
    if (child.exitCode === null) child.kill("SIGKILL");
  });
  return child;
}

async function firstLine(child: ChildProcess): Promise<{ url: string }> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    if (text.includes("\n")) return JSON.parse(text);
  }
  throw new Error(`The process ended before it printed a line: "${text}"`);
}

async function ended(child: ChildProcess): Promise<{ code: number; stderr: string }> {
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, "close");
  return { code, stderr };
}

describe("the AWS simulator's process", () => {
  it("prints its URL in one line of JSON, and ends on SIGTERM with its snapshot written", async () => {
    const folder = await mkdtemp(join(tmpdir(), "simulator-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, "aws.json");
    const child = run("--snapshot", file);
    const { url } = await firstLine(child);
    const response = await fetch(`${url}/_simulator/state`);
    expect(response.status).toBe(200);
    const end = ended(child);
    child.kill("SIGTERM");
    expect((await end).code).toBe(0);
    expect(await readFile(file, "utf8")).toContain("leasehold-admin");
  });

  it("ends within two seconds of its standard input closing, if told to watch it", async () => {
    const child = run("--watch-stdin");
    await firstLine(child);
    const closedAtMs = Date.now();
    const end = ended(child);
    child.stdin?.end();
    expect((await end).code).toBe(0);
    expect(Date.now() - closedAtMs).toBeLessThan(2000);
  });

  it.each([
    [
      ["--host", "0.0.0.0"],
      1,
      /Cannot listen on "0.0.0.0": the AWS simulator serves loopback addresses only/,
    ],
    [["--port", "http"], 2, /Port "http" is not a number/],
    [["--verbose"], 2, /Unknown option '--verbose'/],
    [["--account-id", "12"], 1, /must be twelve digits/],
  ])("refuses %j", async (options, code, sentence) => {
    const outcome = await ended(run(...options));
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(sentence);
  });
});
