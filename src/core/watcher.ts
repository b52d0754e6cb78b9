import type { Barrier } from "./barrier.ts";
import type { Clock } from "./clock.ts";
import { CoreError } from "./errors.ts";
import { soonMs } from "./expiring-soon.ts";
import type { LeaseStore } from "./lease-store.ts";
import type { MountTable } from "./mount-table.ts";
import { mayLease, mountsOfPrefix } from "./mounts-of-prefix.ts";
import type { LeaseEventView, Operations } from "./requests.ts";
import { parseResumeToken, type WatchPlace } from "./resume-token.ts";
import { streamLeaseEvents } from "./watch-stream.ts";

/** Each asks the store four times a second and more. */
const watchesMaxDefault = 100;

/** What the watcher works with. */
export interface WatcherOptions {
  readonly leases: LeaseStore;
  readonly barrier: Barrier;
  readonly mounts: MountTable;
  readonly clock: Clock;
  /** How many watches there may be at a time; 100 unless told. */
  readonly watchesMax?: number;
}

/** Tells callers what happens to leases. */
export interface Watcher {
  /**
   * Begins to watch, and resolves once nothing that happens from then on is missed. The events end when the signal
   * aborts. Throws `INVALID_FIELD` for a resume token that is none, `LIMIT_EXCEEDED`.
   */
  watch(
    input: Operations["watchLeases"]["input"],
    context: { readonly signal: AbortSignal },
  ): Promise<AsyncIterable<LeaseEventView>>;
  /** How many watches there are. */
  count(): number;
}

/** Makes the watcher. */
export function createWatcher(options: WatcherOptions): Watcher {
  const { leases, mounts, watchesMax = watchesMaxDefault } = options;
  const open = new Set<symbol>();

  /** Right now: the newest event of each mount, and the leases that come due in more than a minute. */
  const placeNow = async (prefix: string): Promise<WatchPlace> => {
    // Another server may have mounted a moment ago; what comes later is read from its first event on.
    await mounts.refresh();
    const accessors = mountsOfPrefix(mounts.all(), prefix)
      .filter(mayLease)
      .map(({ record }) => record.accessor);
    const soonUpToMs = (await leases.nowMs()) + soonMs;
    const newest = await Promise.all(accessors.map((accessor) => leases.newestEvent(accessor)));
    return { positions: new Map(accessors.map((accessor, at) => [accessor, newest[at] ?? ""])), soonUpToMs };
  };

  return {
    count: () => open.size,
    async watch({ prefix, resumeToken }, { signal }) {
      const given = resumeToken === "" ? undefined : parseResumeToken(resumeToken);
      if (open.size >= watchesMax) throw tooMany(watchesMax);
      const name = Symbol("watch");
      open.add(name);
      const close = () => void open.delete(name);
      try {
        const place = given ?? (await placeNow(prefix));
        const ended = new AbortController();
        const events = streamLeaseEvents({
          ...options,
          prefix,
          place,
          signal: AbortSignal.any([signal, ended.signal]),
        });
        signal.addEventListener("abort", close, { once: true });
        if (signal.aborted) close();
        return closing(events, () => {
          ended.abort();
          signal.removeEventListener("abort", close);
          close();
        });
      } catch (error) {
        close();
        throw error;
      }
    },
  };
}

/**
 * The same events, with `close` called when they end in whichever way. A generator would not tell of a caller that
 * leaves before the first event, or while it waits for one.
 */
function closing(
  events: AsyncGenerator<LeaseEventView, void>,
  close: () => void,
): AsyncIterableIterator<LeaseEventView, void> {
  const iterator: AsyncIterableIterator<LeaseEventView, void> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      try {
        const result = await events.next();
        if (result.done) close();
        return result;
      } catch (error) {
        close();
        throw error;
      }
    },
    async return() {
      close();
      await events.return();
      return { done: true, value: undefined };
    },
  };
  return iterator;
}

function tooMany(watchesMax: number): CoreError {
  return new CoreError(
    "LIMIT_EXCEEDED",
    `This server has ${watchesMax} watches already, and no more are allowed. End one, or watch on another server.`,
    { details: { watches: String(watchesMax) } },
  );
}
