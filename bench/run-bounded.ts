/** Thrown for arguments that mean nothing; the message says what does. */
export class UsageError extends Error {}

/** A run that cleans up after itself however it ends. */
export interface BoundedRun {
  /** The run is given up when it takes longer, in milliseconds. */
  readonly limitMs: number;
  /** Does the work; what it tells `onStop` is ended whether or not it succeeds, the newest first. */
  work(onStop: (end: () => Promise<unknown>) => void): Promise<void>;
}

/** Runs until the end, the limit or a signal; sets the exit code: 2 for a `UsageError`, 1 for every other failure. */
export async function runBounded({ limitMs, work }: BoundedRun): Promise<void> {
  const ends: (() => Promise<unknown>)[] = [];
  const interrupted = Promise.withResolvers<never>();
  const tooLong = new Error(`The run took longer than ${limitMs / 1000} s: this machine is too busy.`);
  const timer = setTimeout(() => interrupted.reject(tooLong), limitMs);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => interrupted.reject(new Error(`Ended by ${signal}.`)));
  }
  try {
    await Promise.race([work((end) => void ends.push(end)), interrupted.promise]);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  } finally {
    clearTimeout(timer);
    for (const end of ends.splice(0).reverse()) await end();
  }
  // Work that was given up may still wait for something that is gone.
  process.exit();
}
