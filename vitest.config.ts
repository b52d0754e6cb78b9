import { configDefaults, defineConfig } from "vitest/config";

/** Starts a server for each call that one can die at, which takes minutes: `npm run test:faults` has it. */
const byName = ["test/faults/crash-points.test.ts"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...byName],
    testTimeout: 10_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
