import { fdatasync, fstatSync, write } from "node:fs";
import type { Writable } from "node:stream";
import { promisify } from "node:util";
import type { AuditSink } from "../core/audit/audit-sink.ts";
import { type Appendable, appendLines } from "./log-file.ts";

/** Hears what each write tells its caller as well, so that a reader who is gone does not end the process. */
const heard = (): void => {};

const [writeTo, syncData] = [promisify(write), promisify(fdatasync)];

/** Writes audit lines to the standard output, which something else collects. */
export function openStdoutSink(stdout: Writable & { readonly fd?: number }): AuditSink {
  const reopen = async (): Promise<void> => {};
  const close = reopen;
  const { fd } = stdout;
  if (fd !== undefined && fstatSync(fd).isFile()) {
    const file = openDescriptor(fd);
    return { write: (lines) => appendLines(file, lines), reopen, close };
  }
  if (!stdout.listeners("error").includes(heard)) stdout.on("error", heard);
  return {
    write: (lines) =>
      new Promise((resolve, reject) => {
        stdout.write(lines, (error) => (error ? reject(error) : resolve()));
      }),
    reopen,
    close,
  };
}

/** The file that the standard output was sent to: its stream takes a line as written of which a full disk took a part. */
function openDescriptor(fd: number): Appendable {
  return {
    handle: {
      write: (bytes, offset) => writeTo(fd, bytes, offset, bytes.length - offset, null),
      datasync: () => syncData(fd),
    },
    isTorn: false,
  };
}
