import { CoreError } from "../core/errors.ts";
import { createCommandSender } from "./command-sender.ts";
import { closeRedisConnection, openRedisConnection, settleConnection } from "./redis-connection.ts";
import { type ClusterRedis, formatRedisAddress, type RedisAddress } from "./redis-url.ts";
import { listOf, numberOf, type RedisReply, textOf } from "./reply.ts";

/** Which node of a cluster has which slots, as the cluster sees it. */
export interface ClusterTopology {
  /** Raised by the cluster with every failover and every slot that moves. */
  readonly epoch: number;
  /** Whether the node that told this thinks that the cluster works. */
  readonly isUp: boolean;
  /** The masters that have slots, by `host:port`. */
  readonly masters: ReadonlyMap<string, RedisAddress>;
  /** Every node that was named, replicas included. */
  readonly nodes: readonly RedisAddress[];
  /** `host:port` of the master of a slot; undefined where nobody has it. */
  ownerOf(slot: number): string | undefined;
}

/** How many nodes are asked at a time: enough that one which was cut off from the others does not decide. */
const askedAtOnce = 3;
const connectWaitMs = 1_500;

/**
 * Asks some nodes of a cluster how it is laid out, each over a connection of its own, and takes the newest answer.
 * Rejects with what went wrong last where none of `addresses` answers.
 */
export async function readClusterTopology(
  cluster: ClusterRedis,
  addresses: readonly RedisAddress[],
): Promise<ClusterTopology> {
  const left = [...new Map(addresses.map((address) => [formatRedisAddress(address), address])).values()];
  left.sort(() => Math.random() - 0.5);
  let trouble: unknown;
  while (left.length > 0) {
    const asked = left.splice(0, askedAtOnce).map((address) => askNode(cluster, address));
    let best: ClusterTopology | undefined;
    for (const answer of await Promise.allSettled(asked)) {
      if (answer.status === "rejected") trouble = answer.reason;
      else if (best === undefined || isBetter(answer.value, best)) best = answer.value;
    }
    if (best !== undefined) return best;
  }
  throw trouble;
}

/** Says whether both are laid out alike, so that nobody need listen elsewhere. */
export function haveSameMasters(one: ClusterTopology, other: ClusterTopology): boolean {
  const names = [...one.masters.keys()];
  return names.length === other.masters.size && names.every((name) => other.masters.has(name));
}

function isBetter(one: ClusterTopology, other: ClusterTopology): boolean {
  return one.isUp === other.isUp ? one.epoch > other.epoch : one.isUp;
}

async function askNode(cluster: ClusterRedis, address: RedisAddress): Promise<ClusterTopology> {
  const { credentials, isTls, ca } = cluster;
  const redis = openRedisConnection({ kind: "node", address, credentials, isTls, ca }, "leasehold-topology");
  let trouble: unknown;
  redis.on("error", (error: Error) => {
    trouble ??= error;
  });
  try {
    await settleConnection(redis, connectWaitMs);
    if (redis.status !== "ready") throw trouble ?? new Error("connect ETIMEDOUT");
    const send = createCommandSender(redis);
    const [info, slots] = await Promise.all([send("CLUSTER", ["INFO"]), send("CLUSTER", ["SLOTS"])]);
    return readTopology({ info: textOf(info), slots: listOf(slots), asked: address });
  } catch (error) {
    throw explain(error, address);
  } finally {
    await closeRedisConnection(redis);
  }
}

function explain(error: unknown, address: RedisAddress): unknown {
  if (!(error instanceof Error) || !/cluster support disabled/i.test(error.message)) return error;
  return new CoreError(
    "STORAGE_UNAVAILABLE",
    `Redis at "${formatRedisAddress(address)}" is no node of a cluster. Use a "redis://" URL for it.`,
  );
}

/** Reads the answers of CLUSTER INFO and CLUSTER SLOTS; a node that does not know its own host is where it was asked. */
function readTopology(answer: {
  readonly info: string;
  readonly slots: readonly RedisReply[];
  readonly asked: RedisAddress;
}): ClusterTopology {
  const addressOf = (reply: RedisReply | undefined): RedisAddress => {
    const [host, port] = listOf(reply);
    const name = host === null ? "" : textOf(host);
    return { host: name === "" ? answer.asked.host : name, port: numberOf(port) };
  };
  const owners = new Array<string | undefined>(16_384);
  const masters = new Map<string, RedisAddress>();
  const nodes: RedisAddress[] = [];
  for (const range of answer.slots) {
    const [first, last, ...members] = listOf(range);
    const addresses = members.map(addressOf);
    const [master] = addresses;
    if (master === undefined) continue;
    masters.set(formatRedisAddress(master), master);
    nodes.push(...addresses);
    owners.fill(formatRedisAddress(master), numberOf(first), numberOf(last) + 1);
  }
  return {
    epoch: Number(/^cluster_current_epoch:(\d+)/m.exec(answer.info)?.[1] ?? 0),
    isUp: /^cluster_state:ok/m.test(answer.info),
    masters,
    nodes,
    ownerOf: (slot) => owners[slot],
  };
}
