import { type ClusterTopology, haveSameMasters, readClusterTopology } from "./cluster-topology.ts";
import { type ExpiryListener, openExpiryListener } from "./expiry-listener.ts";
import { type ClusterRedis, formatRedisAddress } from "./redis-url.ts";

/**
 * Hears which keys of a cluster expire. A node tells only of its own keys, so each master is listened to; and since
 * masters come and go, the layout is looked at with every check and whenever one is lost. Every change is a gap.
 */
export function openClusterListeners(options: {
  readonly cluster: ClusterRedis;
  readonly onExpired: (key: string) => void;
  readonly onGap: () => void;
}): ExpiryListener {
  const { cluster, onExpired, onGap } = options;
  const listeners = new Map<string, ExpiryListener>();
  let topology: ClusterTopology | undefined;
  let isClosed = false;
  let hasGap = false;

  const follow = async (read: ClusterTopology): Promise<void> => {
    const isFirst = topology === undefined;
    if (topology !== undefined && !haveSameMasters(topology, read)) hasGap = true;
    topology = read;
    for (const [name, listener] of listeners) {
      if (read.masters.has(name)) continue;
      listeners.delete(name);
      await listener.close();
    }
    for (const address of read.masters.values()) {
      const name = formatRedisAddress(address);
      if (listeners.has(name) || isClosed) continue;
      const { credentials, isTls, ca } = cluster;
      const endpoint = { kind: "node", address, credentials, isTls, ca } as const;
      listeners.set(
        name,
        openExpiryListener({ endpoint, isLate: !isFirst, onExpired, onGap, onLost: () => void refresh() }),
      );
    }
    await Promise.all([...listeners.values()].map(({ settled }) => settled));
    if (hasGap) onGap();
    hasGap = false;
  };

  let refreshing: Promise<void> | undefined;
  const refresh = (): Promise<void> => {
    if (isClosed) return Promise.resolve();
    refreshing ??= readClusterTopology(cluster, [...(topology?.nodes ?? []), ...cluster.nodes])
      .then((read) => (isClosed ? undefined : follow(read)))
      .catch(() => {
        // The next check tries again; what expires until then is found by the one who listens late.
        hasGap = true;
      })
      .finally(() => {
        refreshing = undefined;
      });
    return refreshing;
  };

  return {
    settled: refresh(),
    check() {
      for (const listener of listeners.values()) listener.check();
      void refresh();
    },
    async close() {
      isClosed = true;
      await refreshing;
      await Promise.all([...listeners.values()].map((listener) => listener.close()));
    },
  };
}
