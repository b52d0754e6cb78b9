import { percentile } from "./statistics.ts";

/** How long work took that was done many times. */
export interface Times {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Does something for each item, so many at a time, and measures. Results come in the order in which they ended. */
export async function timeEach<Item, Result>(
  items: readonly Item[],
  inFlight: number,
  work: (item: Item) => Promise<Result>,
): Promise<{ readonly results: readonly Result[]; readonly times: Times }> {
  const results: Result[] = [];
  const timesMs: number[] = [];
  const left = items.values();
  const worker = async (): Promise<void> => {
    // The workers share the iterator: each takes the next item that nobody has taken.
    for (const item of left) {
      const startedMs = performance.now();
      results.push(await work(item));
      timesMs.push(performance.now() - startedMs);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  const tookMs = performance.now() - startedMs;
  timesMs.sort((a, b) => a - b);
  const [p50Ms, p99Ms] = [percentile(timesMs, 0.5), percentile(timesMs, 0.99)];
  return { results, times: { perSecond: (items.length / tookMs) * 1000, p50Ms, p99Ms } };
}
