import type { LeaseStore, StoredLease } from "./lease-store.ts";

/** How long before its expiry a lease is told of. */
export const soonMs = 60_000;

const pageSize = 100;

/** Leases of a mount that come due next, and up to when these are all. */
export interface DuePage {
  readonly leases: readonly StoredLease[];
  readonly upToMs: number;
}

/**
 * Reads the active leases of a mount that come due after `fromMs` and not after `toMs`, a page at a time: never one
 * of the leases that come due in the same millisecond without the others, since `upToMs` could not say which.
 */
export async function readDuePage(
  leases: Pick<LeaseStore, "dueBetween">,
  accessor: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<DuePage> {
  for (let limit = pageSize; ; limit *= 4) {
    const found = await leases.dueBetween(accessor, { fromMs, toMs, limit });
    const lastMs = found.at(-1)?.dueAtMs;
    if (lastMs === undefined || found.length < limit) return { leases: found, upToMs: toMs };
    const whole = found.filter(({ dueAtMs }) => dueAtMs < lastMs);
    // None where the whole page comes due in one millisecond: then a longer page finds the end of it.
    if (whole.length > 0) return { leases: whole, upToMs: lastMs - 1 };
  }
}
