import type { Wakeups } from "../core/lease-store.ts";
import { openClusterListeners } from "./cluster-listeners.ts";
import { type ExpiryListener, openExpiryListener } from "./expiry-listener.ts";
import { accessorOfTtlKey } from "./keys.ts";
import { parseRedisUrl } from "./redis-url.ts";

/** A connection that only listens would never notice by itself that the other side is gone. */
const checkEveryMsDefault = 2_000;

/**
 * Hears from Redis which leases may have come due, on connections of its own:
 * from the one server, from the primary that the sentinels name, or from every
 * master of a cluster. `start` resolves once it listens, or once it knows that
 * it cannot yet: it keeps trying. Throws for a URL that is none.
 */
export function createRedisWakeups(options: {
  readonly url: string;
  /** CAs whose certificates are believed, in PEM; those of the system where there are none. */
  readonly ca?: string | undefined;
  readonly checkEveryMs?: number;
}): Wakeups {
  const target = parseRedisUrl(options.url, options);
  let listener: ExpiryListener | undefined;
  let timer: NodeJS.Timeout | undefined;

  return {
    async start({ onWake, onGap }) {
      if (listener) throw new Error("These wakeups are started already.");
      const onExpired = (key: string) => {
        const accessor = accessorOfTtlKey(key);
        if (accessor !== undefined) onWake(accessor);
      };
      const opened =
        target.kind === "cluster"
          ? openClusterListeners({ cluster: target, onExpired, onGap })
          : openExpiryListener({ endpoint: target, isLate: false, onExpired, onGap });
      listener = opened;
      timer = setInterval(opened.check, options.checkEveryMs ?? checkEveryMsDefault);
      timer.unref();
      await opened.settled;
    },
    async stop() {
      clearInterval(timer);
      const opened = listener;
      listener = undefined;
      await opened?.close();
    },
  };
}
