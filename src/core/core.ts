import { createAbandoner } from "./abandoner.ts";
import type { BackendType } from "./backend.ts";
import type { Barrier } from "./barrier.ts";
import type { Clock } from "./clock.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { createExpirer } from "./expirer.ts";
import { createHandle } from "./handle.ts";
import { createLeaseDesk } from "./lease-desk.ts";
import { createLeaseQuery } from "./lease-query.ts";
import type { LeaseStore, Wakeups } from "./lease-store.ts";
import { createLessor } from "./lessor.ts";
import { createMassRevoker } from "./mass-revoker.ts";
import { createMountTable } from "./mount-table.ts";
import type { Handle } from "./requests.ts";
import { createRevoker } from "./revoker.ts";
import type { Storage } from "./storage.ts";
import type { Telemetry } from "./telemetry.ts";
import type { Authenticate } from "./token.ts";
import { createUnmounter } from "./unmounter.ts";

/** How often the mounts are read anew, for what other servers changed. */
const followMs = 1000;

/** Everything outside that the core works with. */
export interface CoreOptions {
  readonly leases: LeaseStore;
  readonly storage: Storage;
  readonly wakeups: Wakeups;
  readonly barrier: Barrier;
  readonly backendTypes: readonly BackendType[];
  readonly authenticate: Authenticate;
  readonly settings: EngineSettings;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** The product, without its transports. */
export interface Core {
  readonly handle: Handle;
  /** Reads the mounts and starts to end what is due. Rejects with `STORAGE_UNAVAILABLE` where the storage is away. */
  start(): Promise<void>;
  /** Takes no further lease from the due set; resolves when the attempts under way have ended. */
  stop(): Promise<void>;
}

/** Assembles the core. */
export function createCore(options: CoreOptions): Core {
  const { leases, storage, barrier, settings, telemetry, clock } = options;
  const mounts = createMountTable(options);
  const revoker = createRevoker(options);
  const abandoner = createAbandoner({ revoker, clock, telemetry });
  const expirer = createExpirer({ ...options, mounts, revoker });
  const massRevoker = createMassRevoker({ leases, clock, telemetry, wake: expirer.wake });
  const unmounter = createUnmounter({ mounts, leases, storage, barrier, massRevoker, telemetry });
  const handle = createHandle({
    authenticate: options.authenticate,
    mounts,
    lessor: createLessor({ ...options, revoker, abandoner }),
    leaseDesk: createLeaseDesk({ leases, barrier, mounts, revoker, settings, clock }),
    leaseQuery: createLeaseQuery({ leases, barrier, mounts }),
    massRevoker,
    unmounter,
    telemetry,
    nowMs: () => clock.nowMs(),
    onMountsChanged: () => expirer.follow(),
  });

  const stopping = new AbortController();
  let following: Promise<void> = Promise.resolve();

  const follow = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await clock.sleep(followMs, stopping.signal);
      if (stopping.signal.aborted) return;
      try {
        await mounts.refresh();
        expirer.follow();
        await unmounter.goOn(stopping.signal);
      } catch (error) {
        telemetry.backgroundFailed("reading the mounts", error);
      }
    }
  };

  return {
    handle,
    async start() {
      await mounts.refresh();
      await expirer.start();
      following = follow();
    },
    async stop() {
      stopping.abort();
      await following;
      await expirer.stop();
      abandoner.stop();
      await revoker.idle();
      for (const mount of mounts.all()) mount.backend.close?.();
    },
  };
}
