import { constants, type FileHandle, open } from "node:fs/promises";

/** Nobody else can read it; a group that was given reading keeps it. */
const ownerOnly = 0o600;
const mayStay = 0o640;
const newline = 10;
const brace = "{".charCodeAt(0);

// Reading is for the look at what is there. A FIFO opens at once this way, and is refused, where it would wait for its reader.
const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;

/** A file of audit lines, opened for appending. */
export interface LogFile {
  readonly handle: FileHandle;
  /** Whether its last line has no end, after a disk was full: what is appended would become part of it, and be lost. */
  isTorn: boolean;
}

/**
 * Opens a file to append audit lines to. Throws what the system says, and an `Error` for what is no plain file, or holds anything
 * but audit lines: whoever may enable a sink must not be able to write into the files of others.
 */
export async function openLogFile(path: string): Promise<LogFile> {
  const handle = await open(path, flags, ownerOnly);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error("it is not a plain file");
    if ((stat.mode & 0o777 & ~mayStay) !== 0) await handle.chmod(stat.mode & mayStay);
    if (stat.size === 0) return { handle, isTorn: false };
    if ((await byteAt(handle, 0)) !== brace) throw new Error("it holds something else than audit lines");
    return { handle, isTorn: await endsTorn(handle, stat.size) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether the last line of a file of this size has no end. */
export async function endsTorn(handle: FileHandle, size: number): Promise<boolean> {
  // Nothing is there any more where somebody has cut the file since it was measured.
  const last = size > 0 ? await byteAt(handle, size - 1) : undefined;
  return last !== undefined && last !== newline;
}

/** The part of a file that is appended to. */
export interface Appendable {
  readonly handle: {
    write(bytes: Buffer, offset: number): Promise<{ readonly bytesWritten: number }>;
    datasync(): Promise<void>;
  };
  isTorn: boolean;
}

/** Appends lines, and brings them to the disk. Throws what the system says; lines that were written by then stay. */
export async function appendLines(file: Appendable, lines: string): Promise<void> {
  const bytes = Buffer.from(file.isTorn ? `\n${lines}` : lines);
  let done = 0;
  try {
    // A write may take a part of it only; the next one says why.
    while (done < bytes.length) done += (await file.handle.write(bytes, done)).bytesWritten;
  } finally {
    if (done > 0) file.isTorn = bytes[done - 1] !== newline;
  }
  await file.handle.datasync();
}

async function byteAt(handle: FileHandle, position: number): Promise<number | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, position);
  return bytesRead === 1 ? buffer[0] : undefined;
}
