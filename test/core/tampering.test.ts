import type { ClaimOutcome, LeaseStore, StoredLease } from "../../src/core/lease-store.ts";
import { type OpenStores, tamperingConformance } from "../conformance/tampering.ts";
import { createManualClock } from "../kit/manual-clock.ts";
import { createMemoryLeaseStore } from "../kit/memory-lease-store.ts";
import { createMemoryStorage } from "../kit/memory-storage.ts";

const placeOf = ({ accessor, id }: StoredLease) => `lease:${accessor}:${id}`;

tamperingConformance("memory", async (): Promise<OpenStores> => {
  const clock = createManualClock();
  const memory = createMemoryLeaseStore({ nowMs: () => clock.nowMs() });
  const storage = createMemoryStorage({
    mountState: (accessor) => memory.mountState(accessor),
    raiseEpoch: (accessor) => memory.raiseEpoch(accessor),
  });
  const forged = new Map<string, Uint8Array>();
  const shown = (lease: StoredLease): StoredLease => ({
    ...lease,
    sealed: forged.get(placeOf(lease)) ?? lease.sealed,
  });
  const claimed = (outcome: ClaimOutcome): ClaimOutcome =>
    outcome.kind === "claimed" ? { ...outcome, lease: shown(outcome.lease) } : outcome;
  const leases: LeaseStore = {
    ...memory,
    get: async (ref) => {
      const lease = await memory.get(ref);
      return lease && shown(lease);
    },
    list: async (...page) => (await memory.list(...page)).map(shown),
    claim: async (...claim) => (await memory.claim(...claim)).map(claimed),
  };
  return {
    ...{ leases, storage, clock },
    async read() {
      const sealedLeases = memory.leases().map((lease) => [placeOf(lease), shown(lease).sealed] as const);
      return new Map([...storage.values(), ...sealedLeases]);
    },
    async write(place, sealed) {
      if (place.startsWith("lease:")) forged.set(place, sealed);
      else storage.overwrite(place, sealed);
    },
  };
});
