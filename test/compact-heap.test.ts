import { expect, test } from "vitest";
import { compactHeap } from "../src/compact-heap.ts";

test("a compacted heap has given back what it does not hold, and collecting stays out of everybody's reach", () => {
  const kept = Array.from({ length: 300_000 }, (_, at) => ({ at, text: `text ${at}` }));
  const before = process.memoryUsage().heapTotal;
  kept.length = 1;
  compactHeap();
  expect(before - process.memoryUsage().heapTotal).toBeGreaterThan(10 * 1024 * 1024);
  expect(globalThis).not.toHaveProperty("gc");
});
