import { configDefaults, defineConfig } from "vitest/config";

/** Faults of a real Redis: a minute of waiting for clocks, and run by name. */
const byName = ["test/faults/**"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...byName],
    testTimeout: 10_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
