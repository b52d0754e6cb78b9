import type { EpochLedger } from "./epoch-ledger.ts";
import type { LeaseStore } from "./lease-store.ts";
import type { ObserverMemory, RememberedObserving } from "./observer-memory.ts";
import type { Telemetry } from "./telemetry.ts";

const writeEveryMs = 3000;
/** Also where nothing has changed, so that what is written says until when it held. */
const writeAnywayMs = 60_000;

/** Writes down now and then what an epoch ledger knows. */
export interface ObserverDiary {
  /**
   * Writes what has changed, where the last time was three seconds ago, and at once where observing has begun or ended;
   * `Infinity` writes in any case. Once it is written that the server observes, nothing more is until that has ended.
   * Never rejects: it is tried again.
   */
  write(nowMs: number): Promise<void>;
}

/** Makes the diary; without a memory it writes nothing. */
export function createObserverDiary(options: {
  readonly ledger: EpochLedger;
  readonly leases: Pick<LeaseStore, "count">;
  readonly memory: ObserverMemory | undefined;
  /** What a restart is to go on observing for. */
  readonly observing: () => RememberedObserving | undefined;
  readonly telemetry: Pick<Telemetry, "backgroundFailed">;
}): ObserverDiary {
  const { ledger, leases, memory, telemetry } = options;
  /** Changed, and not written yet. */
  const changed = new Set<string>();
  let writtenAtMs = Number.NEGATIVE_INFINITY;
  let tried: RememberedObserving | undefined;
  let written: RememberedObserving | undefined;

  const countLeases = async (accessor: string): Promise<void> => {
    const { byState } = await leases.count(accessor);
    ledger.setLeases(
      accessor,
      Object.values(byState).reduce((sum, count) => sum + count, 0),
    );
  };

  return {
    async write(nowMs) {
      for (const accessor of ledger.takeChanged()) changed.add(accessor);
      const observing = options.observing();
      const isWritten = observing === written;
      if (!memory || (observing && isWritten)) return;
      const waitMs = changed.size > 0 || !isWritten ? writeEveryMs : writeAnywayMs;
      if (observing === tried && nowMs - writtenAtMs < waitMs) return;
      if (Number.isFinite(nowMs)) writtenAtMs = nowMs;
      tried = observing;
      // While the server observes, what is known is what was there before the loss.
      const counting = observing ? [] : [...changed];
      // A number that is a little old does no harm; one epoch that is not written down does.
      await Promise.allSettled(counting.map(countLeases));
      try {
        await memory.write({ ...ledger.remembered(), ...(observing && { observing }) });
        written = observing;
        for (const accessor of counting) changed.delete(accessor);
      } catch (error) {
        telemetry.backgroundFailed("writing down what was seen of the mounts", error);
      }
    },
  };
}
