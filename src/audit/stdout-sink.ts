import type { Writable } from "node:stream";
import type { AuditSink } from "../core/audit/audit-sink.ts";

/** Hears what each write tells its caller as well, so that a reader who is gone does not end the process. */
const heard = (): void => {};

/** Writes audit lines to the standard output, which something else collects. */
export function openStdoutSink(stdout: Writable): AuditSink {
  if (!stdout.listeners("error").includes(heard)) stdout.on("error", heard);
  return {
    write: (lines) =>
      new Promise((resolve, reject) => {
        stdout.write(lines, (error) => (error ? reject(error) : resolve()));
      }),
    reopen: async () => {},
    close: async () => {},
  };
}
