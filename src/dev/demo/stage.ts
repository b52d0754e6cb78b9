import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../bin/leasehold", import.meta.url));
const commandMsMax = 60_000;

/** What a command wrote and how it ended. */
export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

/** Where the demo is played: shows each command with its real output, and checks what came of it. */
export interface Stage {
  /** Begins a part of the demo. */
  scene(title: string): void;
  /** Tells what happens, between two commands. */
  tell(text: string): void;
  /** Runs `leasehold` with these words, shows it and what it writes. */
  leasehold(...words: readonly string[]): Promise<CommandResult>;
  /** Runs another program, or shows that line while something else does its work. */
  show(line: string, run: () => Promise<string>): Promise<string>;
  /** Holds the demo to what it says. Throws `DemoFailed` where it is not so. */
  check(claim: string, isSo: boolean): void;
}

/** Thrown when a step of the demo does not do what it says. */
export class DemoFailed extends Error {
  constructor(claim: string) {
    super(`This is not so: ${claim}`);
    this.name = "DemoFailed";
  }
}

const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** Makes a stage whose commands run in a folder, with an environment of their own. */
export function createStage(options: {
  readonly cwd: string;
  readonly env: () => Readonly<Record<string, string>>;
  readonly write: (text: string) => void;
}): Stage {
  const { cwd, write } = options;

  const run = (words: readonly string[]): Promise<CommandResult> =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [program, ...words], {
        cwd,
        env: options.env(),
        stdio: ["ignore", "pipe", "pipe"],
        timeout: commandMsMax,
      });
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (chunk) => {
        stdout += chunk;
        write(String(chunk));
      });
      child.stderr.on("data", (chunk) => {
        stderr += chunk;
        write(String(chunk));
      });
      child.on("error", reject);
      child.on("close", (exitCode) => resolve({ stdout, stderr, exitCode }));
    });

  return {
    scene: (title) => write(`\n\n=== ${title} ===\n`),
    tell: (text) => write(`\n# ${text}\n`),
    async leasehold(...words) {
      write(`\n$ leasehold ${words.map(quoted).join(" ")}\n`);
      return run(words);
    },
    async show(line, act) {
      write(`\n$ ${line}\n`);
      const output = await act();
      write(output.endsWith("\n") ? output : `${output}\n`);
      return output;
    },
    check(claim, isSo) {
      write(`${isSo ? "  ✓" : "  ✗"} ${claim}\n`);
      if (!isSo) throw new DemoFailed(claim);
    },
  };
}
