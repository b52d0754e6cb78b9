import type { Account } from "./account.ts";
import { snapshotText, writeSnapshotFile } from "./snapshot.ts";

/** Long enough that a burst of calls is one write, short enough that a crash loses little. */
const delayMs = 200;

/** Writes the account to its snapshot file a moment after it changed, one write at a time. */
export class SnapshotWriter {
  readonly #account: Account;
  readonly #file: string;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isDirty = false;
  #isClosed = false;

  constructor(account: Account, file: string) {
    this.#account = account;
    this.#file = file;
  }

  /** Notes a change, to be written soon. */
  changed(): void {
    this.#isDirty = true;
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      // A disk that refuses now may do better at the next change; flush() is what reports it.
      this.flush().catch((error) => process.stderr.write(`AWS simulator: ${error}\n`));
    }, delayMs);
    this.#timer.unref();
  }

  /** Writes what has changed, and nothing after that: a call that is still held up must not write a file later. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.flush();
  }

  /** Writes now what has changed; resolves when the file holds it. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const write = this.#writing.then(async () => {
      if (!this.#isDirty) return;
      this.#isDirty = false;
      try {
        await writeSnapshotFile(this.#file, snapshotText(this.#account));
      } catch (error) {
        this.#isDirty = true;
        throw error;
      }
    });
    this.#writing = write.catch(() => undefined);
    return write;
  }
}
