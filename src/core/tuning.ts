import type { MountTuning } from "./requests.ts";

/** What a mount's tuning is after a change: undefined leaves a setting, 0 takes it away. */
export function changedTuning(tuning: MountTuning, change: MountTuning): MountTuning {
  const { defaultTtlMs = tuning.defaultTtlMs, maxTtlMs = tuning.maxTtlMs } = change;
  return { ...(defaultTtlMs ? { defaultTtlMs } : {}), ...(maxTtlMs ? { maxTtlMs } : {}) };
}
