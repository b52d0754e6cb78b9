import { invalidField } from "./field.ts";
import type { MountTuning } from "./requests.ts";

/** The highest limit on live leases that can be set: as many as one mount is meant to hold at all. */
export const leasesMax = 10_000_000;

/** What a mount's tuning is after a change: undefined leaves a setting, 0 takes it away. */
export function changedTuning(tuning: MountTuning, change: MountTuning): MountTuning {
  const {
    defaultTtlMs = tuning.defaultTtlMs,
    maxTtlMs = tuning.maxTtlMs,
    maxLeases = tuning.maxLeases,
  } = change;
  return {
    ...(defaultTtlMs ? { defaultTtlMs } : {}),
    ...(maxTtlMs ? { maxTtlMs } : {}),
    ...(maxLeases ? { maxLeases } : {}),
  };
}

/** Checks the settings of a mount, each and together. Throws `INVALID_FIELD`. */
export function checkTuning({ defaultTtlMs, maxTtlMs, maxLeases }: MountTuning): void {
  for (const [name, ms] of [
    ["tuning.default_ttl", defaultTtlMs],
    ["tuning.max_ttl", maxTtlMs],
  ] as const) {
    if (ms !== undefined && ms < 1000) throw invalidField(name, "must be at least 1s.");
  }
  if (defaultTtlMs !== undefined && maxTtlMs !== undefined && defaultTtlMs > maxTtlMs) {
    throw invalidField("tuning.default_ttl", "must not be more than tuning.max_ttl.");
  }
  const isCount =
    maxLeases === undefined || (Number.isInteger(maxLeases) && maxLeases >= 1 && maxLeases <= leasesMax);
  if (!isCount) {
    throw invalidField(
      "tuning.max_leases",
      `must be a whole number from 1 to ${leasesMax}, not ${maxLeases}. Leave it out for no limit.`,
    );
  }
}
