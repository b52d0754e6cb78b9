/** Seeds that one test plays. */
export interface SeedsOfTest {
  readonly first: number;
  readonly last: number;
  readonly seeds: readonly number[];
}

/** Deals consecutive seeds out to tests. */
export function seedsOf(range: {
  readonly from: number;
  readonly count: number;
  readonly perTest: number;
}): readonly SeedsOfTest[] {
  const { from, count, perTest } = range;
  return Array.from({ length: Math.ceil(count / perTest) }, (_, number) => {
    const first = from + number * perTest;
    const last = Math.min(first + perTest, from + count) - 1;
    return { first, last, seeds: Array.from({ length: last - first + 1 }, (__, at) => first + at) };
  });
}

/** What to type to see what happened with a seed. */
export function replayCommand(seed: number): string {
  return `npm run test:sim -- --seed ${seed} --trace`;
}
