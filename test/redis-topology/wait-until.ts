import { setTimeout as delay } from "node:timers/promises";

/** Resolves once `isSo` holds; rejects with what was waited for where it does not within `timeoutMs`. */
export async function waitUntil(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs)
      throw new Error(`In ${timeoutMs} ms it did not come to this: ${what}.`);
    await delay(10);
  }
}
