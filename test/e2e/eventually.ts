import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 20;

/**
 * Asks again and again until it is so; answers how long that took in milliseconds. Rejects with the claim
 * where it is not so within `withinMs`, 10 s unless told.
 */
export async function eventually(
  claim: string,
  isSo: () => boolean | Promise<boolean>,
  options: { readonly withinMs?: number } = {},
): Promise<number> {
  const { withinMs = 10_000 } = options;
  const startedMs = performance.now();
  for (;;) {
    if (await isSo()) return performance.now() - startedMs;
    if (performance.now() - startedMs > withinMs) throw new Error(`Not so after ${withinMs} ms: ${claim}.`);
    await sleep(pollMs);
  }
}

/** Waits for what settles by itself, within `withinMs`; rejects with the claim where it does not, and so names what hangs. */
export async function inTime<T>(claim: string, promise: Promise<T>, withinMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`Not so after ${withinMs} ms: ${claim}.`)), withinMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
