import { defineConfig } from "vitest/config";

/** The faults of a real Redis, on every flavour that there is. They are run by name. */
export default defineConfig({
  test: {
    include: ["test/faults/**/*.test.ts"],
    provide: { isOnEveryFlavour: true },
    testTimeout: 10_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
