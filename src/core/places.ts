import type { Clock } from "./clock.ts";

/** How long a place stays empty for others to become free with it. */
const gatherMs = 5;
const worthwhileShare = 1 / 4;

/** Places for what may be under way at once. One at a time may wait for them. */
export interface Places {
  free(): number;
  take(count: number): void;
  giveBack(): void;
  /**
   * Resolves once it is worth filling places: a quarter of them are free, or one has been free for 5 ms, or nobody is to
   * wait any more. Filling each as it becomes free would be a call to the storage for each.
   */
  worthFilling(): Promise<void>;
  /** Lets whoever waits go on, now and from now on. */
  release(): void;
}

/** Makes places that are all free. */
export function createPlaces(options: { readonly count: number; readonly clock: Clock }): Places {
  const { count, clock } = options;
  const worthwhile = Math.max(1, Math.floor(count * worthwhileShare));
  let free = count;
  let isReleased = false;
  let waiting: { readonly needed: number; readonly resolve: () => void } | undefined;

  const look = (): void => {
    if (waiting && (isReleased || free >= waiting.needed)) waiting.resolve();
  };

  const untilFree = (needed: number): Promise<void> =>
    new Promise((resolve) => {
      waiting = { needed, resolve };
      look();
    });

  return {
    free: () => free,
    take(taken) {
      free -= taken;
    },
    giveBack() {
      free += 1;
      look();
    },
    async worthFilling() {
      if (free >= worthwhile) return;
      await untilFree(1);
      if (free < worthwhile) await Promise.race([untilFree(worthwhile), clock.sleep(gatherMs)]);
    },
    release() {
      isReleased = true;
      look();
    },
  };
}
