import type { StoredEvent } from "../../src/core/lease-store.ts";
import { eventNumber, hasGapAfter } from "../../src/redis/event-position.ts";

const eventsMax = 10_000;

/** Where a mount's events are kept in memory: the newest 10,000, as `readEvents` answers them. */
export interface MemoryEventLog {
  add(event: Omit<StoredEvent, "position">): void;
  read(range: { readonly after: string; readonly limit: number }): {
    readonly events: readonly StoredEvent[];
    readonly hasGap: boolean;
  };
  newest(): string;
}

/** Makes an empty log. Positions are as on Redis, and never go back where the clock does. */
export function createMemoryEventLog(): MemoryEventLog {
  const kept: StoredEvent[] = [];
  const newest = () => kept.at(-1);
  return {
    add(event) {
      const last = newest();
      const atMs = Math.max(event.atMs, last?.atMs ?? 0);
      kept.push({ ...event, atMs, position: `${atMs}-${eventNumber(last?.position ?? "") + 1}` });
      if (kept.length > eventsMax) kept.shift();
    },
    read({ after, limit }) {
      const isAfter = eventNumber(after);
      const first = kept.findIndex(({ position }) => eventNumber(position) > isAfter);
      const events = first < 0 ? [] : kept.slice(first, first + limit);
      return { events, hasGap: hasGapAfter(after, events) };
    },
    newest: () => newest()?.position ?? "",
  };
}
