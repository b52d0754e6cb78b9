import type { Clock } from "./clock.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { createLane, type Lane } from "./lane.ts";
import type { LeaseStore, Wakeups } from "./lease-store.ts";
import type { Mount } from "./mount.ts";
import type { MountTable } from "./mount-table.ts";
import type { Observer } from "./observer.ts";
import type { Revoker } from "./revoker.ts";
import type { Telemetry } from "./telemetry.ts";

/** What the expirer works with. */
export interface ExpirerOptions {
  readonly leases: LeaseStore;
  readonly mounts: MountTable;
  readonly revoker: Revoker;
  /** Says whether what is due may be claimed. */
  readonly observer: Pick<Observer, "mayClaim">;
  readonly wakeups: Wakeups;
  readonly settings: EngineSettings;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** Ends leases when they come due. */
export interface Expirer {
  /** Listens for wake-ups and starts a lane for each mount. */
  start(): Promise<void>;
  /** Starts lanes for new mounts and ends those of mounts that are gone; called whenever the mounts were read. */
  follow(): void;
  /** Has the lane of a mount look at what is due now. */
  wake(accessor: string): void;
  /** Has every lane look at what is due now. */
  wakeAll(): void;
  /** Takes no further lease; resolves when the attempts under way have ended. */
  stop(): Promise<void>;
}

/**
 * Makes the expirer: a lane for each mount, so that a mount whose vendor hangs
 * delays no other. The due set decides what is due; events and timers only wake a lane.
 */
export function createExpirer(options: ExpirerOptions): Expirer {
  const { mounts, observer, wakeups, leases } = options;
  const lanes = new Map<string, { readonly lane: Lane; readonly ended: Promise<void> }>();
  const stopping = new AbortController();

  /** What is due, unless the storage turned out to be another one while it answered: then nothing is. */
  const peekDue: LeaseStore["peekDue"] = async (accessor, how) => {
    const answer = await leases.peekDue(accessor, how);
    return observer.mayClaim(accessor) ? answer : { ...answer, due: [] };
  };

  const startLane = (accessor: string): void => {
    const mountNow = (): Mount | undefined =>
      observer.mayClaim(accessor) ? mounts.byAccessor(accessor) : undefined;
    const lane = createLane({ ...options, leases: { peekDue }, accessor, mountNow });
    lanes.set(accessor, { lane, ended: lane.run(stopping.signal) });
    lane.wake("start");
  };

  const follow = (): void => {
    if (stopping.signal.aborted) return;
    const accessors = new Set(mounts.all().map(({ record }) => record.accessor));
    for (const accessor of accessors) if (!lanes.has(accessor)) startLane(accessor);
    for (const [accessor, { lane }] of lanes) {
      if (accessors.has(accessor)) continue;
      lane.end();
      lanes.delete(accessor);
    }
  };

  const wakeAll = (): void => {
    for (const { lane } of lanes.values()) lane.wake("start");
  };

  return {
    follow,
    wakeAll,
    wake: (accessor) => lanes.get(accessor)?.lane.wake("backlog"),
    async start() {
      follow();
      await wakeups.start({
        onWake: (accessor) => lanes.get(accessor)?.lane.wake("event"),
        onGap: wakeAll,
      });
    },
    async stop() {
      stopping.abort();
      await wakeups.stop();
      await Promise.all([...lanes.values()].map(({ ended }) => ended));
    },
  };
}
