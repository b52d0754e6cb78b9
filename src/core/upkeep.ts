import type { Clock } from "./clock.ts";
import { quote } from "./errors.ts";
import type { MountTable } from "./mount-table.ts";
import type { Telemetry } from "./telemetry.ts";

/** How long a round of one mount may take, in milliseconds. */
const roundMsMax = 120_000;

/** Has the backends do what comes due without a request. */
export interface Upkeep {
  /** One round over all mounts, beside one another; a mount whose last round goes on is left out. It never rejects. */
  round(): void;
  /** Ends the rounds under way. */
  stop(): Promise<void>;
}

/** Makes the upkeep of all mounts. */
export function createUpkeep(options: {
  readonly mounts: MountTable;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}): Upkeep {
  const { mounts, clock, telemetry } = options;
  const stopping = new AbortController();
  const underWay = new Map<string, Promise<void>>();

  return {
    round() {
      for (const { path, record, backend } of mounts.all()) {
        const { accessor, state } = record;
        if (!backend.upkeep || state !== "mounted" || underWay.has(accessor)) continue;
        const limit = new AbortController();
        const over = new AbortController();
        void clock.sleep(roundMsMax, over.signal).then(() => limit.abort());
        const work = backend
          .upkeep({ signal: AbortSignal.any([stopping.signal, limit.signal]) })
          .catch((error: unknown) => {
            if (!stopping.signal.aborted) telemetry.backgroundFailed(`upkeep of mount ${quote(path)}`, error);
          })
          .finally(() => {
            over.abort();
            underWay.delete(accessor);
          });
        underWay.set(accessor, work);
      }
    },
    async stop() {
      stopping.abort();
      await Promise.all(underWay.values());
    },
  };
}
