import { configDefaults, defineConfig } from "vitest/config";

/** Faults of a real Redis: a minute of waiting for clocks, and run by name. */
const byName = ["test/faults/**"];

/** Tests of parts, which share nothing but code. Loading it for each file anew was half of what they cost. */
const ofParts = ["test/*.test.ts", "test/{audit,backends,cli,core,fuzz,root-key,simulation}/**/*.test.ts"];

const everywhere = { testTimeout: 10_000, hookTimeout: 60_000, maxWorkers: 2 };

export default defineConfig({
  test: {
    ...everywhere,
    projects: [
      {
        test: {
          ...everywhere,
          name: "parts",
          include: ofParts,
          isolate: false,
        },
      },
      {
        test: {
          ...everywhere,
          name: "whole",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...byName, ...ofParts],
        },
      },
    ],
  },
});
