import { tmpdir } from "node:os";
import { main } from "../../src/cli/command-line.ts";

/** What a command line did. */
export type Ran = { exitCode: number; stdout: string; stderr: string };

/** Runs a command line in this process, with nothing of the real environment. */
export async function run(
  argv: readonly string[],
  {
    stdin = "",
    env = {},
    cwd = tmpdir(),
    readerGone = new AbortController().signal,
    onStdout = () => {},
  }: {
    stdin?: string | Uint8Array;
    env?: Record<string, string>;
    cwd?: string;
    readerGone?: AbortSignal;
    /** Is told all that was printed so far, each time. */
    onStdout?: (stdout: string) => void;
  } = {},
): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  const exitCode = await main(argv, {
    stdout: {
      write: (text) => {
        stdout += text;
        onStdout(stdout);
      },
    },
    stderr: { write: (text) => (stderr += text) },
    stdin: (async function* () {
      yield typeof stdin === "string" ? Buffer.from(stdin) : stdin;
    })(),
    readerGone,
    env,
    cwd,
  });
  return { exitCode, stdout, stderr };
}
