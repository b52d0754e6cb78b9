// The process around the command line: streams, environment, exit code.
import { main } from "./command-line.ts";
import { processEnvironment } from "./settings.ts";

// Deprecations of the runtime tell the authors something, not those who type a command.
process.noDeprecation = true;

const readerGone = new AbortController();
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough, such as `head`, is no failure.
  if (error.code === "EPIPE") {
    readerGone.abort();
    return;
  }
  process.exitCode = 1;
  process.stderr.write(`Error: cannot write to standard output (${error.code ?? error.message})\n`);
});
// Nobody is left to be told.
process.stderr.on("error", () => {});

const code = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  readerGone: readerGone.signal,
  env: processEnvironment(),
  cwd: process.cwd(),
});
// Not exit(): what was written is flushed first. A failed write keeps its code.
process.exitCode ||= code;
