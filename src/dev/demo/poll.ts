import { setTimeout as sleep } from "node:timers/promises";

const pollMs = 50;

/** Asks again and again until it is so; answers how long that took in milliseconds, or undefined when it took too long. */
export async function untilSo(isSo: () => Promise<boolean>, msMax: number): Promise<number | undefined> {
  const startedMs = performance.now();
  for (;;) {
    if (await isSo()) return Math.round(performance.now() - startedMs);
    if (performance.now() - startedMs > msMax) return undefined;
    await sleep(pollMs);
  }
}
