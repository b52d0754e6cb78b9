import { Gauge, type Registry } from "prom-client";
import type { Inventory } from "../core/inventory.ts";
import type { MetricSources } from "./metrics.ts";

/** However often the metrics are read, Redis is asked no more often than this. */
const freshMs = 5000;
/** A reader does not wait for a Redis that is away. */
const waitMs = 1000;

/** Gauges whose values are looked up when somebody reads them. */
export interface InventoryGauges {
  lookInto(sources: MetricSources): void;
  /** How many leases are due and left alone by a server that observes. */
  waiting(count: number): void;
  /** Brings the gauges up to date; where Redis is away, those that it knows are left out. Never rejects. */
  refresh(): Promise<void>;
}

/** Makes the gauges. None has a label of which there is one for each lease. */
export function createInventoryGauges(registry: Registry): InventoryGauges {
  const registers = [registry];
  const leases = new Gauge({
    name: "leasehold_leases",
    help: "Leases of all servers together, by type of mount and state. Not there while Redis is away.",
    labelNames: ["type", "state"],
    registers,
  });
  const irrevocable = new Gauge({
    name: "leasehold_irrevocable_leases",
    help: "Leases that many attempts could not revoke: a person should look. Not there while Redis is away.",
    labelNames: [] as const,
    registers,
  });
  const oldestDue = new Gauge({
    name: "leasehold_due_unclaimed_oldest_seconds",
    help: "How long the lease that has been due longest waits for a server to revoke it; 0 where none waits. Not there while Redis is away.",
    labelNames: [] as const,
    registers,
  });
  const observing = new Gauge({
    name: "leasehold_observing",
    help: "1 where this server only observes and revokes nothing that is due, else 0.",
    registers,
  });
  const wouldRevoke = new Gauge({
    name: "leasehold_would_revoke_leases",
    help: "Leases that are due and left alone by a server that only observes; counted every minute.",
    registers,
  });
  const watches = new Gauge({
    name: "leasehold_watches",
    help: "Watch streams that this server serves.",
    registers,
  });
  let sources: MetricSources | undefined;
  let refreshing: Promise<void> | undefined;
  let refreshedAtMs = Number.NEGATIVE_INFINITY;

  const clear = (): void => {
    leases.reset();
    irrevocable.remove();
    oldestDue.remove();
  };

  const show = (inventory: Inventory): void => {
    leases.reset();
    let irrevocableCount = 0;
    for (const [type, byState] of inventory.leases) {
      irrevocableCount += byState.irrevocable;
      for (const [state, count] of Object.entries(byState)) leases.set({ type, state }, count);
    }
    irrevocable.set(irrevocableCount);
    oldestDue.set(inventory.oldestDueMs / 1000);
  };

  const look = async (from: MetricSources): Promise<void> => {
    try {
      show(await from.takeInventory());
    } catch {
      // What cannot be known is not shown: a number of some time ago would look like one of now.
      clear();
    }
    refreshedAtMs = performance.now();
  };

  clear();
  return {
    lookInto(given) {
      sources = given;
    },
    waiting: (count) => wouldRevoke.set(count),
    async refresh() {
      if (!sources) return;
      observing.set(sources.isObserving() ? 1 : 0);
      watches.set(sources.watches());
      if (performance.now() - refreshedAtMs < freshMs) return;
      refreshing ??= look(sources).finally(() => {
        refreshing = undefined;
      });
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, waitMs);
      });
      await Promise.race([refreshing, patience]);
      clearTimeout(timer);
    },
  };
}
