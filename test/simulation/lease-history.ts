import { kindOf } from "../../src/core/lease-event.ts";
import type { StoredEvent } from "../../src/core/lease-store.ts";
import { comparePositions } from "./model-lease-store.ts";
import type { ModelRedis } from "./model-redis.ts";
import { accessorOfEventsKey, mountKey } from "./redis-keys.ts";

/** Every transition of every lease that Redis has not lost, in order by mount: also those that it keeps no more. */
export interface LeaseHistory {
  readonly accessors: readonly string[];
  /** Position of the newest transition of a mount; `""` where there is none. */
  newest(accessor: string): string;
  at(accessor: string, position: string): StoredEvent | undefined;
  /** Transitions under a prefix that callers are shown, after one position and before another. */
  shown(
    accessor: string,
    prefix: string,
    between: { readonly after: string; readonly before?: string },
  ): readonly StoredEvent[];
  /** Whether Redis still keeps a transition. */
  isKept(accessor: string, position: string): boolean;
  /** Whether anything was ever lost, dropped, or gone with its mount. */
  readonly hasHoles: boolean;
}

/** Begins to write down what happens. */
export function createLeaseHistory(redis: ModelRedis): LeaseHistory {
  const events = new Map<string, StoredEvent[]>();
  let hasHoles = false;
  const kept = (accessor: string): readonly StoredEvent[] =>
    redis.keys.stream(mountKey(accessor, "events")) as readonly StoredEvent[];

  redis.onTransaction(({ commands }) => {
    for (const command of commands) {
      const accessor = accessorOfEventsKey(command.key);
      if (accessor === undefined) continue;
      if (command.kind === "del") {
        events.delete(accessor);
        hasHoles = true;
      }
      if (command.kind !== "xadd") continue;
      const all = events.get(accessor) ?? [];
      all.push(command.entry as StoredEvent);
      events.set(accessor, all);
      if (kept(accessor).length < all.length) hasHoles = true;
    }
  });
  redis.onLost((lost) => {
    if (lost.length > 0) hasHoles = true;
    for (const [accessor, all] of events) {
      const rest = kept(accessor);
      const first = rest[0]?.position ?? "";
      events.set(accessor, [...all.filter(({ position }) => comparePositions(position, first) < 0), ...rest]);
    }
  });

  return {
    get accessors() {
      return [...events.keys()];
    },
    get hasHoles() {
      return hasHoles;
    },
    newest: (accessor) => events.get(accessor)?.at(-1)?.position ?? "",
    at: (accessor, position) => events.get(accessor)?.find((event) => event.position === position),
    shown: (accessor, prefix, { after, before }) =>
      (events.get(accessor) ?? []).filter(
        (event) =>
          comparePositions(event.position, after) > 0 &&
          (before === undefined || comparePositions(event.position, before) < 0) &&
          event.leaseId.startsWith(prefix) &&
          kindOf(event) !== undefined,
      ),
    isKept: (accessor, position) => kept(accessor).some((event) => event.position === position),
  };
}
