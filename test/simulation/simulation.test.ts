import { expect, it } from "vitest";
import { runSimulation } from "./run-simulation.ts";
import { replayCommand, seedsOf } from "./seeds.ts";

it.each(seedsOf({ from: 1, count: 100, perTest: 10 }))(
  "every credential ends, not lost, not early, not late, with the seeds $first to $last",
  { timeout: 60_000 },
  async ({ seeds }) => {
    for (const seed of seeds) {
      const { violation } = await runSimulation(seed);
      expect(violation, `Play it again with: ${replayCommand(seed)}`).toBeUndefined();
    }
  },
);

it("a run is the same each time it is played with the same seed", async () => {
  const [one, other] = [await runSimulation(7), await runSimulation(7)];
  expect(one.begun).toBeGreaterThan(5);
  expect(other).toEqual(one);
  expect((await runSimulation(8)).traceHash).not.toBe(one.traceHash);
});

it("a trace can be asked for, and does not change the run", async () => {
  const [quiet, traced] = [await runSimulation(9), await runSimulation(9, { isTraced: true })];
  expect(quiet.trace).toEqual([]);
  expect(traced.trace.length).toBeGreaterThan(100);
  expect(traced.traceHash).toBe(quiet.traceHash);
});
