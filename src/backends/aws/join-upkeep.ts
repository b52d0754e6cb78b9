/** One piece of the work that comes due without a request. */
export type UpkeepWork = (context: { readonly signal: AbortSignal }) => Promise<void>;

/** Joins several pieces of upkeep: all are done beside one another, whatever becomes of the others. Rejects with the first failure. */
export function joinUpkeep(works: readonly UpkeepWork[]): UpkeepWork {
  return async (context) => {
    const results = await Promise.allSettled(works.map((work) => work(context)));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  };
}
