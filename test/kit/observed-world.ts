import { randomBytes } from "node:crypto";
import { createBarrier } from "../../src/core/barrier.ts";
import { CoreError } from "../../src/core/errors.ts";
import type { Mount } from "../../src/core/mount.ts";
import { createObserver, type Observer } from "../../src/core/observer.ts";
import type { ObserverMemory, Remembered } from "../../src/core/observer-memory.ts";
import { createOperatorMarks, type OperatorMarks } from "../../src/core/operator-mark.ts";
import type { ObserverNotice } from "../../src/core/telemetry.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";
import { createMemoryStorage, type MemoryStorage } from "./memory-storage.ts";
import { createScriptedBackend } from "./scripted-backend.ts";
import { createScriptedVendor } from "./scripted-vendor.ts";

/** What a server sees of a mount: its epoch, how many leases it has, and which are due. */
export interface ObservedMount {
  epoch: number;
  leases: number;
  due: readonly string[];
}

/** A memory outside the storage that a test can look into. */
export interface TestMemory extends ObserverMemory {
  readonly written: Remembered | undefined;
  readonly writes: number;
  /** Makes every write reject until it is told otherwise. */
  setWritable(isWritable: boolean): void;
}

/** An observer, and what it told. */
export interface ObservingServer {
  readonly observer: Observer;
  readonly notices: readonly ObserverNotice[];
  /** How often it said that leases may be claimed again. */
  readonly freed: () => number;
}

/** Mounts that any number of observers look at, as a test sets them. */
export interface ObservedWorld {
  readonly clock: ManualClock;
  /** By accessor, which is the path, too. */
  readonly mounts: Map<string, ObservedMount>;
  readonly storage: MemoryStorage;
  readonly marks: OperatorMarks;
  /** Mounts whose epoch cannot be read; `mountsList` for the list of all. */
  readonly away: Set<string>;
  createMemory(): TestMemory;
  create(options?: { readonly memory?: ObserverMemory; readonly isAsked?: boolean }): ObservingServer;
  /** Has an observer check every second for a while, as a server does; `each` comes before every check. */
  run(server: ObservingServer, seconds: number, each?: () => void): Promise<void>;
  setEpoch(accessor: string, epoch: number): void;
}

/** Stands in `away` for the list of the mounts. */
export const mountsList = "the list of mounts";

/** Makes a world without mounts. */
export function createObservedWorld(): ObservedWorld {
  const clock = createManualClock();
  const storage = createMemoryStorage();
  const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
  const marks = createOperatorMarks({ storage, barrier });
  const mounts = new Map<string, ObservedMount>();
  const away = new Set<string>();
  const type = createScriptedBackend(createScriptedVendor());
  const mountOf = (accessor: string): Mount => ({
    ...{
      path: accessor,
      type,
      isBuiltIn: false,
      stored: new Uint8Array(),
      backend: { paths: [], secretTypes: [] },
    },
    record: { accessor, type: "s", description: "", tuning: {}, state: "mounted", createdAtMs: 0 },
  });

  const read = <T>(accessor: string, of: (mount: ObservedMount | undefined) => T): T => {
    if (away.has(accessor)) throw new CoreError("STORAGE_UNAVAILABLE", "The test took the mount away.");
    return of(mounts.get(accessor));
  };

  return {
    ...{ clock, mounts, storage, marks, away },
    createMemory() {
      let written: Remembered | undefined;
      let writes = 0;
      let isWritable = true;
      return {
        get written() {
          return written;
        },
        get writes() {
          return writes;
        },
        setWritable(value) {
          isWritable = value;
        },
        read: async () => written,
        async write(remembered) {
          if (!isWritable) throw new Error("The disk is full.");
          written = remembered;
          writes += 1;
        },
      };
    },
    create({ memory, isAsked = false } = {}) {
      const notices: ObserverNotice[] = [];
      let freed = 0;
      let table: readonly Mount[] = [];
      const observer = createObserver({
        ...{ marks, memory, isAsked, clock },
        leases: {
          nowMs: async () => clock.nowMs(),
          epoch: async (accessor) => read(accessor, (mount) => mount?.epoch ?? 0),
          count: async (accessor) =>
            read(accessor, (mount) => ({ byState: { active: mount?.leases ?? 0 }, byRole: {} })),
          peekDue: async (accessor, { limit }) =>
            read(accessor, (mount) => ({
              due: (mount?.due ?? []).slice(0, limit).map((id) => ({ id, dueAtMs: 0 })),
              nextDueAtMs: undefined,
              nowMs: clock.nowMs(),
            })),
        },
        mounts: {
          all: () => table,
          async refresh() {
            if (away.has(mountsList)) throw new CoreError("STORAGE_UNAVAILABLE", "The list is away.");
            table = [...mounts.keys()].map(mountOf);
          },
        },
        telemetry: {
          ...{
            handled() {},
            claimed() {},
            issued() {},
            revoked() {},
            revocationFailed() {},
            backgroundFailed() {},
          },
          observing: (notice) => void notices.push(notice),
        },
        onFree: () => {
          freed += 1;
        },
      });
      return { observer, notices, freed: () => freed };
    },
    async run({ observer }, seconds, each = () => {}) {
      for (let second = 0; second < seconds; second++) {
        each();
        await observer.check();
        await clock.advance(1000);
      }
    },
    setEpoch(accessor, epoch) {
      const mount = mounts.get(accessor);
      if (mount) mount.epoch = epoch;
    },
  };
}
