import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { inParallel } from "../../../../src/backends/aws/orphans/in-parallel.ts";

test("inParallel() does all of it, and never more at a time than it has places", async () => {
  const done: number[] = [];
  let underWay = 0;
  let most = 0;
  await inParallel([5, 1, 4, 2, 3], 2, async (item) => {
    most = Math.max(most, ++underWay);
    for (let turns = 0; turns < item; turns++) await nextTurn();
    underWay--;
    done.push(item);
  });
  expect(done.sort()).toEqual([1, 2, 3, 4, 5]);
  expect(most).toBe(2);
});

test("inParallel() starts no more after a failure, and rejects with it once the rest has settled", async () => {
  const settled: number[] = [];
  const work = inParallel([1, 2, 3, 4], 2, async (item) => {
    if (item === 1) throw new Error("Not this one.");
    for (let turns = 0; turns < 5; turns++) await nextTurn();
    settled.push(item);
  });
  await expect(work).rejects.toThrow("Not this one.");
  expect(settled).toEqual([2]);
});
