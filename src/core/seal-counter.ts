import type { Storage } from "./storage.ts";

/** So many seals are counted in one call: some minutes of a busy server. */
const blockSeals = 2 ** 18;

/** Counts how often all servers together have sealed under a term: never too few, but for the last second of a server that is killed. */
export interface SealCounter {
  /** Counts what this process has sealed under a term, ahead of time and in blocks; answers how many seals all servers have counted, as far as this one knows. */
  count(term: number, seals: number): Promise<number>;
}

/** Makes the counter of one process. Counting rejects with `STORAGE_UNAVAILABLE`. */
export function createSealCounter(storage: Pick<Storage, "countSeals">): SealCounter {
  let term = 0;
  let counted = 0;
  let total = 0;
  return {
    async count(termNow, seals) {
      if (termNow !== term) [term, counted, total] = [termNow, 0, 0];
      if (seals > counted) {
        // At once as many as are used by the next time, so that a process which dies has rather counted too many.
        const more = Math.ceil((seals - counted) / blockSeals) * blockSeals;
        total = await storage.countSeals(term, more);
        counted += more;
      }
      return total;
    },
  };
}
