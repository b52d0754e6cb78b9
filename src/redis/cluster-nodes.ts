import { Command } from "ioredis";
import { type ClusterRedirect, clusterRedirect } from "./cluster-redirect.ts";
import { type ClusterTopology, readClusterTopology } from "./cluster-topology.ts";
import type { RedisArgument } from "./command-sender.ts";
import { type ConnectionEvent, openRedisNode, type RedisNode, type SendOptions } from "./redis-node.ts";
import type { RedisNodes } from "./redis-nodes.ts";
import { type ClusterRedis, formatRedisAddress, type RedisAddress } from "./redis-url.ts";
import { isPassing } from "./storage-error.ts";

/** A slot that moves twice while a command is under way is rare; a circle is a cluster that is at odds with itself. */
const redirectsMax = 4;
const tickMs = 1_000;
const refreshPauseMs = 100;
/** Without trouble the layout is asked for this rarely: a redirect tells of a slot that has moved. */
const calmTicks = 10;
/** A node that has no slots any more may still answer what was sent to it. */
const retireMs = 2_000;

interface Member {
  readonly address: RedisAddress;
  readonly node: RedisNode;
}

/**
 * The masters of a cluster, each by a connection of its own. A command goes to the master of the slot of its keys, and
 * from there wherever it is sent on to; each redirect is followed at once, and none is an error to the caller. Where a
 * master was replaced, the layout is asked for anew.
 */
export function openClusterNodes(
  cluster: ClusterRedis,
  onConnection: (event: ConnectionEvent) => void,
): RedisNodes {
  const members = new Map<string, Member>();
  const retiring = new Map<RedisNode, NodeJS.Timeout>();
  /** What redirects have told since the layout was read. */
  const movedTo = new Map<number, RedisAddress>();
  let topology: ClusterTopology | undefined;
  let trouble: unknown = new Error("not connected yet");
  let wasComplete = false;
  let isClosed = false;
  let ticks = 0;

  const readyMasters = () => {
    const names = [...(topology?.masters.keys() ?? [])];
    return { all: names.length, ready: names.filter((name) => members.get(name)?.node.isReady()).length };
  };
  /** Tells of the whole: it is there while every master is, and lost with the first that is not. */
  const tell = (reason?: string) => {
    const { all, ready } = readyMasters();
    const isComplete = all > 0 && all === ready;
    if (isComplete === wasComplete || isClosed) return;
    wasComplete = isComplete;
    onConnection(isComplete ? { kind: "ready" } : { kind: "lost", reason: reason ?? "a new master" });
  };

  const memberAt = (address: RedisAddress): Member => {
    const name = formatRedisAddress(address);
    const known = members.get(name);
    if (known) return known;
    const { credentials, isTls, ca } = cluster;
    const node = openRedisNode({ kind: "node", address, credentials, isTls, ca }, (event) => {
      if (event.kind === "lost") {
        trouble = new Error(`${name}: ${event.reason}`);
        void refresh();
      }
      tell(event.kind === "lost" ? `${name}: ${event.reason}` : undefined);
    });
    const member = { address, node };
    members.set(name, member);
    return member;
  };

  const retire = (name: string, { node }: Member) => {
    members.delete(name);
    const close = () => {
      retiring.delete(node);
      void node.close();
    };
    retiring.set(node, setTimeout(close, retireMs).unref());
  };

  let refreshing: Promise<void> | undefined;
  const refresh = (): Promise<void> => {
    refreshing ??= (async () => {
      try {
        const read = await readClusterTopology(cluster, [...(topology?.nodes ?? []), ...cluster.nodes]);
        if (isClosed) return;
        topology = read;
        movedTo.clear();
        for (const address of read.masters.values()) memberAt(address);
        for (const [name, member] of members) if (!read.masters.has(name)) retire(name, member);
        tell();
      } catch (error) {
        trouble = error;
      } finally {
        // Callers that all fail at once must not make the cluster answer for its layout without end.
        setTimeout(() => {
          refreshing = undefined;
        }, refreshPauseMs).unref();
      }
    })();
    return refreshing;
  };
  const timer = setInterval(() => {
    const { all, ready } = readyMasters();
    ticks += 1;
    if (all === 0 || ready < all || ticks % calmTicks === 0) void refresh();
  }, tickMs).unref();
  void refresh();

  const ownerOf = (slot: number | undefined): RedisAddress => {
    if (topology === undefined) throw trouble;
    const moved = slot === undefined ? undefined : movedTo.get(slot);
    const name = slot === undefined ? undefined : topology.ownerOf(slot);
    // Any master knows what to answer for a slot that has no owner, and for what concerns no key.
    const owner = moved ?? topology.masters.get(name ?? "") ?? [...topology.masters.values()][0];
    if (owner === undefined) throw new Error("The cluster has no master with slots.");
    return owner;
  };
  const follow = ({ kind, slot, address }: ClusterRedirect) => {
    if (kind === "ASK") return;
    movedTo.set(slot, address);
    void refresh();
  };

  return {
    async send(command, args, options) {
      let address = ownerOf(slotOf(command, args));
      let how: SendOptions | undefined = options;
      for (let redirects = 0; ; redirects++) {
        const { node } = memberAt(address);
        try {
          if (!node.isReady()) await node.settled();
          return await node.send(command, args, how);
        } catch (error) {
          const redirect = clusterRedirect(error, address);
          // The cluster may have another master by now, or be about to.
          if (redirect === undefined && (isPassing(error) || !node.isReady())) void refresh();
          if (redirect === undefined || redirects === redirectsMax) throw error;
          follow(redirect);
          address = redirect.address;
          how = { ...options, isAsking: redirect.kind === "ASK" };
        }
      }
    },
    masters: () =>
      [...(topology?.masters.values() ?? [])].map((address) => ({
        name: formatRedisAddress(address),
        async send(command, args) {
          const { node } = memberAt(address);
          await node.settled();
          return node.send(command, args);
        },
      })),
    isReady() {
      const { all, ready } = readyMasters();
      return ready * 2 > all;
    },
    isEnded: () => isClosed,
    trouble: () => trouble,
    async close() {
      isClosed = true;
      clearInterval(timer);
      for (const pending of retiring.values()) clearTimeout(pending);
      const nodes = [...retiring.keys(), ...[...members.values()].map(({ node }) => node)];
      await Promise.all([refreshing, ...nodes.map((node) => node.close())]);
    },
  };
}

/** The hash slot of the keys of a command; undefined where it has none. */
function slotOf(command: string, args: readonly RedisArgument[]): number | undefined {
  const routed = new Command(command, [...args]);
  return routed.getKeys().length === 0 ? undefined : routed.getSlot();
}
