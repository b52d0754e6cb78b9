import { isAbsolute } from "node:path";
import type { AuditSink } from "../core/audit/audit-sink.ts";
import { invalidField } from "../core/field.ts";
import { appendLines, endsTorn, type LogFile, openLogFile } from "./log-file.ts";

/**
 * Opens a file to write audit lines to: appended, readable by its owner alone, and on the disk before a write is over. A file that
 * somebody has deleted is made anew; one that was moved away is, at `reopen`. Throws `INVALID_FIELD`.
 */
export async function openFileSink(path: string): Promise<AuditSink> {
  if (!isAbsolute(path))
    throw invalidField("path", "must be an absolute path, such as /var/log/leasehold/audit.log.");
  let file: LogFile = await openLogFile(path).catch((error: NodeJS.ErrnoException) => {
    throw invalidField(
      "path",
      `cannot be written to (${error.code ?? error.message}). It must be a file of its own, in a folder that exists, and belong to the server's user.`,
    );
  });
  /** The write under way: the file it goes to is closed after it. */
  let writing: Promise<unknown> = Promise.resolve();

  const reopen = async (): Promise<void> => {
    const next = await openLogFile(path);
    const before = file;
    file = next;
    // Not waited for: a write that hangs must not keep others from the new file.
    void writing.then(() => before.handle.close()).catch(() => {});
  };

  const write = async (lines: string): Promise<void> => {
    const before = file;
    const { nlink, size } = await before.handle.stat();
    // Writing to a file that nobody can find any more would look like success.
    if (nlink === 0) await reopen();
    // All servers of a machine append to the same file, and a full disk may have torn the line of another one.
    else before.isTorn = await endsTorn(before.handle, size);
    await appendLines(file, lines);
  };

  return {
    reopen,
    write(lines) {
      const written = write(lines);
      writing = written.catch(() => {});
      return written;
    },
    async close() {
      await writing;
      await file.handle.close();
    },
  };
}
