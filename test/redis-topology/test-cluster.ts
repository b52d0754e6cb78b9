import { findLoopbackPort } from "../../src/dev/redis/loopback-port.ts";
import { sendRedisCommand } from "../../src/dev/redis/redis-command.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";
import { waitUntil } from "./wait-until.ts";

/** One node of a test's cluster. */
export interface TestNode {
  readonly redis: TestRedis;
  readonly id: string;
  /** `host:port` */
  readonly name: string;
  /** Slots of a master, first and last; those of its master for a replica. */
  readonly slots: readonly [number, number];
  send(...words: readonly string[]): Promise<string>;
}

/** A real cluster on loopback: every master has a third of the slots, and as many replicas as asked for. */
export interface TestCluster {
  /** Names two of the masters; the others must be found. */
  readonly url: string;
  readonly masters: readonly TestNode[];
  readonly replicas: readonly TestNode[];
  /** An accessor whose mount lies on this master. */
  accessorOn(node: TestNode): Promise<string>;
  stop(): Promise<void>;
}

const slotCount = 16_384;
const masterCount = 3;
const replicaArgs = ["--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0"];

/** Starts a cluster of three masters, the first of which has `replicas`; call `stop` in the end. */
export async function startTestCluster({ replicas = 0 } = {}): Promise<TestCluster> {
  const servers: TestRedis[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const start = async (
    slots: readonly [number, number],
  ): Promise<TestNode & { readonly busPort: number }> => {
    const busPort = await findLoopbackPort();
    const redis = await startTestRedis({
      extraArgs: [
        ...["--cluster-enabled", "yes", "--cluster-port", String(busPort)],
        // Short, so that a dead master is replaced in seconds.
        ...["--cluster-node-timeout", "1000", "--notify-keyspace-events", "", ...replicaArgs],
      ],
    });
    servers.push(redis);
    const send = (...words: readonly string[]) =>
      sendRedisCommand({ port: redis.port, timeoutMs: 5_000 }, ...words);
    return {
      redis,
      id: await send("CLUSTER", "MYID"),
      name: `127.0.0.1:${redis.port}`,
      slots,
      send,
      busPort,
    };
  };
  try {
    const share = Math.ceil(slotCount / masterCount);
    const shares = Array.from({ length: masterCount }, (_, i): readonly [number, number] => [
      i * share,
      Math.min((i + 1) * share, slotCount) - 1,
    ]);
    const [masters, slaves] = await Promise.all([
      Promise.all(shares.map(start)),
      Promise.all(Array.from({ length: replicas }, () => start([0, share - 1]))),
    ]);
    const [first] = masters;
    if (first === undefined) throw new Error("A cluster has a first master.");
    for (const [i, master] of masters.entries()) {
      await master.send("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
      await master.send("CLUSTER", "ADDSLOTSRANGE", ...master.slots.map(String));
    }
    const all = [...masters, ...slaves];
    for (const { redis, busPort } of all) {
      await first.send("CLUSTER", "MEET", "127.0.0.1", String(redis.port), String(busPort));
    }
    const knowsAll = async (node: TestNode) => {
      const info = await node.send("CLUSTER", "INFO");
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${all.length}\r`);
    };
    for (const node of all) await waitUntil(`${node.name} knows the cluster`, () => knowsAll(node), 20_000);
    for (const slave of slaves) {
      await slave.send("CLUSTER", "REPLICATE", first.id);
      const isInStep = async () =>
        (await slave.send("INFO", "replication")).includes("master_link_status:up");
      await waitUntil(`${slave.name} is in step`, isInStep, 20_000);
    }
    return {
      url: `redis+cluster://${masters
        .slice(-2)
        .map(({ name }) => name)
        .join(",")}`,
      masters,
      replicas: slaves,
      async accessorOn({ slots: [from, to] }) {
        for (let i = 0; ; i++) {
          const accessor = `aws_${i.toString(16).padStart(8, "0")}`;
          const slot = Number(await first.send("CLUSTER", "KEYSLOT", `{${accessor}}`));
          if (slot >= from && slot <= to) return accessor;
        }
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
