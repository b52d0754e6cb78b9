import { expect, test } from "vitest";
import { changedTuning } from "../../src/core/tuning.ts";

test.each([
  [{ defaultTtlMs: 5000 }, {}, { defaultTtlMs: 5000 }],
  [{ defaultTtlMs: 5000 }, { maxTtlMs: 9000 }, { defaultTtlMs: 5000, maxTtlMs: 9000 }],
  [{ defaultTtlMs: 5000, maxTtlMs: 9000 }, { maxTtlMs: 0 }, { defaultTtlMs: 5000 }],
  [{ defaultTtlMs: 5000 }, { defaultTtlMs: 7000 }, { defaultTtlMs: 7000 }],
  [{}, { defaultTtlMs: 0, maxTtlMs: 0 }, {}],
  [{ maxTtlMs: 9000 }, { maxLeases: 5 }, { maxTtlMs: 9000, maxLeases: 5 }],
  [{ maxLeases: 5 }, {}, { maxLeases: 5 }],
  [{ maxLeases: 5, maxTtlMs: 9000 }, { maxLeases: 0 }, { maxTtlMs: 9000 }],
])("changedTuning() makes %j with %j into %j", (tuning, change, changed) => {
  expect(changedTuning(tuning, change)).toEqual(changed);
});
