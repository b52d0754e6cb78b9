import type { SeenMount } from "./epoch-ledger.ts";
import { hasCode } from "./errors.ts";
import type { LeaseStore } from "./lease-store.ts";
import type { Mount } from "./mount.ts";

const askedAtOnce = 100;

/** Reads the epoch of each mount; one that cannot be read now is without. */
export async function readEpochs(
  leases: Pick<LeaseStore, "epoch">,
  mounts: readonly Mount[],
): Promise<ReadonlyMap<string, SeenMount>> {
  const seen = new Map<string, SeenMount>();
  const read = async ({ path, record: { accessor } }: Mount): Promise<void> => {
    try {
      seen.set(accessor, { path, epoch: await leases.epoch(accessor) });
    } catch (error) {
      // In a cluster a part can be away: the mounts of the others go on.
      if (!hasCode(error, "STORAGE_UNAVAILABLE")) throw error;
      seen.set(accessor, { path, epoch: undefined });
    }
  };
  for (let at = 0; at < mounts.length; at += askedAtOnce)
    await Promise.all(mounts.slice(at, at + askedAtOnce).map(read));
  return seen;
}
