import { leaseId } from "../../src/core/lease.ts";
import type { Adoption, MountLeases } from "../../src/core/mount-leases.ts";

/** The leases of a mount as a test sets them, and what was adopted. */
export interface FakeMountLeases extends MountLeases {
  /** Ids of the leases that are known. */
  readonly known: Set<string>;
  readonly adopted: readonly Adoption[];
  isObserveOnly: boolean;
}

/** Makes the leases of a mount, none known at first, by a clock. */
export function fakeMountLeases(nowMs: () => number): FakeMountLeases {
  const adopted: Adoption[] = [];
  const fake: FakeMountLeases = {
    known: new Set(),
    adopted,
    isObserveOnly: false,
    nowMs: async () => nowMs(),
    isKnown: async (path, leaseUuid) => fake.known.has(leaseId(path, leaseUuid)),
    isObserving: () => fake.isObserveOnly,
    async adopt(adoption) {
      const id = leaseId(adoption.path, adoption.leaseUuid);
      if (fake.known.has(id)) return undefined;
      fake.known.add(id);
      adopted.push(adoption);
      return id;
    },
  };
  return fake;
}
