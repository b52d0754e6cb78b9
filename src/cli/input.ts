import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { UsageError } from "./errors.ts";
import type { Io } from "./io.ts";

/** Most that one file or the standard input may hold, in bytes: what gRPC takes in one message by default. */
const inputBytesMax = 4 * 1024 * 1024;

/**
 * Reads the files and the standard input that arguments name. Text comes as it
 * is, a newline at its end included. Standard input can be read once.
 */
export class Input {
  readonly #io: Pick<Io, "stdin" | "cwd">;
  #isStdinUsed = false;

  constructor(io: Pick<Io, "stdin" | "cwd">) {
    this.#io = io;
  }

  /**
   * Reads a whole file. `subject` says what it is for, as in `the value of
   * "policy"`. Throws a UsageError where it cannot be read, is too long, or is
   * not UTF-8.
   */
  async file(name: string, subject: string): Promise<string> {
    if (name === "") throw new UsageError(`${subject} names no file: write the name after the "@"`);
    try {
      return await readText(createReadStream(resolve(this.#io.cwd, name)), `${subject}: the file "${name}"`);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new UsageError(`${subject}: cannot read the file "${name}" (${fileProblem(error)})`);
    }
  }

  /** Reads the standard input to its end. Throws a UsageError on a second read, and like `file`. */
  async stdin(subject: string): Promise<string> {
    if (this.#isStdinUsed)
      throw new UsageError(`${subject}: standard input can be read only once ("-" is given twice)`);
    this.#isStdinUsed = true;
    return readText(this.#io.stdin, `${subject}: standard input`);
  }
}

/** Says in a few words why a file cannot be read. */
export function fileProblem(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOENT") return "no such file";
  if (code === "EISDIR") return "it is a folder";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  return code || "unknown cause";
}

async function readText(source: AsyncIterable<Uint8Array>, subject: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.byteLength;
    if (bytes > inputBytesMax) throw new UsageError(`${subject} is longer than ${inputBytesMax} bytes`);
    chunks.push(chunk);
  }
  try {
    // ignoreBOM keeps a byte order mark: what is stored is what was given.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new UsageError(`${subject} is not UTF-8 text; encode it first, for example with base64`);
  }
}
