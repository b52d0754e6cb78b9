import { type Barrier, BarrierError } from "./barrier.ts";
import type { Place } from "./place.ts";
import type { Storage } from "./storage.ts";

const place: Place = { key: "operator", field: "mark", schema: 1 };
/** As many unmounts a server may miss while it is down without taking them for a loss. */
const unmountedMax = 256;

/** What is noted for all servers to see. */
export interface OperatorMark {
  /** When a person said go last, by the storage's clock; 0 for never. */
  readonly resumedAtMs: number;
  /** Accessors of the mounts that were unmounted last, newest at the end: these may be missing. */
  readonly unmounted: readonly string[];
}

/** Reads and writes the mark. Every call rejects with `STORAGE_UNAVAILABLE` where the storage is away. */
export interface OperatorMarks {
  read(): Promise<OperatorMark>;
  /** Notes that a person said go. */
  noteResume(nowMs: number): Promise<void>;
  /** Notes that a mount goes; before anything of it does. */
  noteUnmount(accessor: string): Promise<void>;
}

const nothing: OperatorMark = { resumedAtMs: 0, unmounted: [] };

/** Makes the mark's reader and writer; what is stored is sealed, so that nobody else can say go. */
export function createOperatorMarks(options: {
  readonly storage: Storage;
  readonly barrier: Barrier;
}): OperatorMarks {
  const { storage, barrier } = options;

  const open = (stored: Uint8Array | undefined): OperatorMark => {
    if (!stored) return nothing;
    try {
      return JSON.parse(Buffer.from(barrier.open(stored, place)).toString());
    } catch (error) {
      // One that somebody else has written says nothing, and is written over.
      if (error instanceof BarrierError) return nothing;
      throw error;
    }
  };

  const change = async (changed: (mark: OperatorMark) => OperatorMark): Promise<void> => {
    for (;;) {
      const stored = await storage.readOperatorMark();
      const before = open(stored);
      const after = changed(before);
      if (after === before) return;
      const sealed = barrier.seal(Buffer.from(JSON.stringify(after)), place);
      if (await storage.writeOperatorMark(sealed, stored ?? null)) return;
    }
  };

  return {
    read: async () => open(await storage.readOperatorMark()),
    noteResume: (nowMs) =>
      // Later than any before, whatever the clock did: what changes is what other servers see.
      change((mark) => ({ ...mark, resumedAtMs: Math.max(nowMs, mark.resumedAtMs + 1) })),
    noteUnmount: (accessor) =>
      change((mark) =>
        mark.unmounted.includes(accessor)
          ? mark
          : { ...mark, unmounted: [...mark.unmounted, accessor].slice(-unmountedMax) },
      ),
  };
}
