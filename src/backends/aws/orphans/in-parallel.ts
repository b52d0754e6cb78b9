/**
 * Does work for each item, some at a time, in order of starting. Where work for one rejects, no more is started; it rejects with that
 * once what was under way has settled.
 */
export async function inParallel<T>(
  items: readonly T[],
  places: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let isFailed = false;
  const workThrough = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined && !isFailed; item = items[next++]) await work(item);
  };
  const outcomes = await Promise.allSettled(
    Array.from({ length: places }, () =>
      workThrough().catch((error: unknown) => {
        isFailed = true;
        throw error;
      }),
    ),
  );
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}
