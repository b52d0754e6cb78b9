import { type FileHandle, open } from "node:fs/promises";
import { isAbsolute } from "node:path";
import type { AuditSink } from "../core/audit/audit-sink.ts";
import { CoreError } from "../core/errors.ts";
import { invalidField } from "../core/field.ts";

const ownerOnly = 0o600;

/**
 * Opens a file to write audit lines to: appended, readable by its owner alone, and on the disk before a write is over. A file that
 * somebody has deleted is made anew; one that was moved away is, at `reopen`. Throws `INVALID_FIELD`.
 */
export async function openFileSink(path: string): Promise<AuditSink> {
  if (!isAbsolute(path))
    throw invalidField("path", "must be an absolute path, such as /var/log/leasehold/audit.log.");
  const openFile = () => open(path, "a", ownerOnly);
  let file: FileHandle = await openFile().catch((error: NodeJS.ErrnoException) => {
    throw invalidField(
      "path",
      `cannot be written to (${error.code ?? error.message}). Its folder must exist, and belong to the server's user.`,
    );
  });

  const reopen = async (): Promise<void> => {
    const next = await openFile();
    const before = file;
    file = next;
    await before.close();
  };

  return {
    reopen,
    async write(lines) {
      // Writing to a file that nobody can find any more would look like success.
      if ((await file.stat()).nlink === 0) await reopen();
      const { bytesWritten } = await file.write(lines);
      if (bytesWritten !== Buffer.byteLength(lines))
        throw new CoreError("AUDIT_UNAVAILABLE", `The file took ${bytesWritten} bytes only.`);
      await file.datasync();
    },
    close: () => file.close(),
  };
}
