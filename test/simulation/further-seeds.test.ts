import { expect, it } from "vitest";
import { runSimulation } from "./run-simulation.ts";
import { replayCommand, seedsOf } from "./seeds.ts";

// A file of its own, so that the seeds run on two cores.
it.each(seedsOf({ from: 101, count: 100, perTest: 10 }))(
  "every credential ends, not lost, not early, not late, with the seeds $first to $last",
  { timeout: 60_000 },
  async ({ seeds }) => {
    for (const seed of seeds) {
      const { violation } = await runSimulation(seed);
      expect(violation, `Play it again with: ${replayCommand(seed)}`).toBeUndefined();
    }
  },
);
