import type { Writable } from "node:stream";
import type { AuditSink } from "../core/audit/audit-sink.ts";

/** Writes audit lines to the standard output, which something else collects. */
export function openStdoutSink(stdout: Writable): AuditSink {
  return {
    write: (lines) =>
      new Promise((resolve, reject) => {
        stdout.write(lines, (error) => (error ? reject(error) : resolve()));
      }),
    reopen: async () => {},
    close: async () => {},
  };
}
