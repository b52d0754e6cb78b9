const rememberedMax = 10_000;

/**
 * Remembers who made the leases that ended a short while ago. Who repeats a revocation after its answer was lost is
 * told again that it succeeded, and nobody else learns that there was such a lease.
 */
export interface RecentlyEnded {
  add(leaseId: string, callerId: string): void;
  has(leaseId: string, callerId: string): boolean;
}

/** Makes an empty memory for the newest 10,000. */
export function createRecentlyEnded(): RecentlyEnded {
  const makers = new Map<string, string>();
  return {
    add(leaseId, callerId) {
      makers.delete(leaseId);
      makers.set(leaseId, callerId);
      const [oldest] = makers.keys();
      if (makers.size > rememberedMax && oldest !== undefined) makers.delete(oldest);
    },
    has: (leaseId, callerId) => makers.get(leaseId) === callerId,
  };
}
