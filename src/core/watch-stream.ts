import type { Barrier } from "./barrier.ts";
import type { Clock } from "./clock.ts";
import { hasCode } from "./errors.ts";
import { readDuePage, soonMs } from "./expiring-soon.ts";
import { kindOf, leaseOfEvent } from "./lease-event.ts";
import type { LeaseStore, StoredEvent, StoredLease } from "./lease-store.ts";
import { viewStoredLease } from "./lease-view.ts";
import type { MountTable } from "./mount-table.ts";
import { mayLease, mountsOfPrefix } from "./mounts-of-prefix.ts";
import type { LeaseEventView } from "./requests.ts";
import { resumeTokenOf, type WatchPlace } from "./resume-token.ts";

const pageSize = 100;
const idleMs = 250;
/** Added to the pause for each mount, so that a stream over very many asks no more than 500 times a second. */
const idleMsPerMount = 2;
const afterFailureMs = 500;
/** A storage that is away for longer ends the stream: its caller should know that nothing would come. */
const patienceMs = 10_000;
/** How many irrevocable leases a stream remembers to have told of. */
const toldMax = 1000;

/** What a stream asks the store for. */
export type WatchedLeases = Pick<LeaseStore, "nowMs" | "get" | "dueBetween" | "readEvents" | "newestEvent">;

/** What a stream of events works with. */
export interface WatchStreamOptions {
  readonly leases: WatchedLeases;
  readonly barrier: Barrier;
  readonly mounts: Pick<MountTable, "all">;
  readonly clock: Clock;
  /** Start of the ids. */
  readonly prefix: string;
  /** Where to begin. A mount without a position is read from its first event on. */
  readonly place: WatchPlace;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

type EventWithoutToken = Omit<LeaseEventView, "resumeToken">;

/**
 * The events under a prefix, merged over its mounts, in order within each mount. It asks the store only when its
 * caller asks for an event, and holds one page at most: a caller that lags costs no memory. Throws
 * `STORAGE_UNAVAILABLE` where the store stays away.
 */
export async function* streamLeaseEvents(options: WatchStreamOptions): AsyncGenerator<LeaseEventView, void> {
  const { leases, barrier, mounts, clock, prefix, signal } = options;
  const positions = new Map(options.place.positions);
  const soonUpTo = new Map<string, number>();
  const toldIrrevocable = new Set<string>();
  let soonFloorMs = options.place.soonUpToMs;

  const withToken = (event: EventWithoutToken): LeaseEventView => {
    // The least of all mounts: what another mount has told already may come twice after a resume, and nothing is missed.
    const soonUpToMs = soonUpTo.size === 0 ? soonFloorMs : Math.min(...soonUpTo.values());
    return { ...event, resumeToken: resumeTokenOf({ positions, soonUpToMs }) };
  };

  const gap = (occurredAtMs: number): LeaseEventView =>
    withToken({ kind: "gap", lease: undefined, occurredAtMs });

  const isNews = (event: StoredEvent): boolean => {
    if (event.kind === "finish" || event.kind === "forget") toldIrrevocable.delete(event.leaseId);
    if (kindOf(event) !== "irrevocable") return true;
    if (toldIrrevocable.has(event.leaseId)) return false;
    const [oldest] = toldIrrevocable;
    if (oldest !== undefined && toldIrrevocable.size >= toldMax) toldIrrevocable.delete(oldest);
    toldIrrevocable.add(event.leaseId);
    return true;
  };

  /** One page of the transitions of a mount. Answers whether there may be more. */
  async function* transitions(accessor: string): AsyncGenerator<LeaseEventView, boolean> {
    const after = positions.get(accessor) ?? "";
    const { events, hasGap } = await leases.readEvents(accessor, { after, limit: pageSize });
    const shown = events.filter(({ leaseId }) => leaseId.startsWith(prefix));
    const nowMs = await leases.nowMs();
    const stored = await readShown(leases, accessor, shown);
    // Where everything after the position was dropped, it would name a gap for ever.
    if (hasGap && events.length === 0) positions.set(accessor, await leases.newestEvent(accessor));
    if (hasGap) yield gap(events[0]?.atMs ?? nowMs);
    for (const event of events) {
      positions.set(accessor, event.position);
      const kind = kindOf(event);
      if (kind === undefined || !event.leaseId.startsWith(prefix)) continue;
      const context = { barrier, stored: stored.get(event.leaseId), nowMs };
      const lease = leaseOfEvent(kind, event, context);
      // Later failures of a lease that is irrevocable already are failures like any other.
      const shownKind = isNews(event) ? kind : "failed";
      yield withToken({ kind: shownKind, lease, occurredAtMs: event.atMs });
    }
    return events.length >= pageSize;
  }

  /** One page of the leases of a mount that expire soon. Answers whether there may be more. */
  async function* expiringSoon(accessor: string, toMs: number): AsyncGenerator<LeaseEventView, boolean> {
    const fromMs = soonUpTo.get(accessor) ?? soonFloorMs;
    if (fromMs >= toMs) return false;
    const { leases: due, upToMs } = await readDuePage(leases, accessor, { fromMs, toMs });
    const nowMs = await leases.nowMs();
    const views = due
      .filter(({ id }) => id.startsWith(prefix))
      .map((stored) => viewStoredLease(barrier, stored, nowMs))
      .filter(({ issuedAtMs, expiresAtMs }) => expiresAtMs - issuedAtMs > soonMs);
    for (const [at, lease] of views.entries()) {
      // Up to the one before until the last is told: two may expire in the same millisecond.
      soonUpTo.set(accessor, at === views.length - 1 ? upToMs : Math.max(fromMs, lease.expiresAtMs - 1));
      yield withToken({ kind: "expiringSoon", lease, occurredAtMs: lease.expiresAtMs - soonMs });
    }
    soonUpTo.set(accessor, upToMs);
    return upToMs < toMs;
  }

  /** A mount that is gone took its events along: the last ones may not have been told. */
  const dropGone = (accessors: ReadonlySet<string>): boolean => {
    const gone = [...positions.keys()].filter((accessor) => !accessors.has(accessor));
    for (const accessor of gone) {
      positions.delete(accessor);
      soonUpTo.delete(accessor);
    }
    return gone.length > 0;
  };

  /** A page of each kind of each mount. Answers whether there may be more, and how many mounts there are. */
  async function* pass(): AsyncGenerator<LeaseEventView, { readonly isBusy: boolean; readonly of: number }> {
    const watched = mountsOfPrefix(mounts.all(), prefix).filter(mayLease);
    const toMs = (await leases.nowMs()) + soonMs;
    let isBusy = false;
    const accessors = watched.map(({ record }) => record.accessor);
    for (const accessor of accessors) if (!soonUpTo.has(accessor)) soonUpTo.set(accessor, soonFloorMs);
    for (const accessor of accessors) {
      if (signal.aborted) break;
      if (yield* transitions(accessor)) isBusy = true;
      if (yield* expiringSoon(accessor, toMs)) isBusy = true;
    }
    if (dropGone(new Set(accessors))) yield gap(toMs - soonMs);
    if (!isBusy) soonFloorMs = Math.max(soonFloorMs, toMs);
    return { isBusy, of: watched.length };
  }

  let awaySinceMs: number | undefined;
  while (!signal.aborted) {
    try {
      const { isBusy, of } = yield* pass();
      awaySinceMs = undefined;
      if (!isBusy) await clock.sleep(Math.max(idleMs, of * idleMsPerMount), signal);
    } catch (error) {
      awaySinceMs ??= clock.nowMs();
      const isLong = clock.nowMs() - awaySinceMs >= patienceMs;
      if (!hasCode(error, "STORAGE_UNAVAILABLE") || isLong) throw error;
      await clock.sleep(afterFailureMs, signal);
    }
  }
}

/** The leases of some events that are still stored, by id. */
async function readShown(
  leases: WatchedLeases,
  accessor: string,
  events: readonly StoredEvent[],
): Promise<ReadonlyMap<string, StoredLease>> {
  const ids = [
    ...new Set(events.filter((event) => kindOf(event) !== undefined).map(({ leaseId }) => leaseId)),
  ];
  const found = await Promise.all(ids.map((id) => leases.get({ accessor, id })));
  return new Map(found.flatMap((stored) => (stored ? [[stored.id, stored] as const] : [])));
}
