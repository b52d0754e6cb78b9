import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GuardedChild, spawnGuarded } from "../../src/dev/process/spawn-guarded.ts";
import { findLoopbackPort } from "../../src/dev/redis/loopback-port.ts";
import { sendRedisCommand } from "../../src/dev/redis/redis-command.ts";
import { startTestRedis, type TestRedis, testRedisExecutable } from "../kit/redis-server.ts";
import { waitUntil } from "./wait-until.ts";

const repliesWithinMs = 5_000;

/** Sends a command to a server of a test. */
export function sendTo({ port }: { readonly port: number }, ...words: readonly string[]): Promise<string> {
  return sendRedisCommand({ port, timeoutMs: repliesWithinMs }, ...words);
}

/** Starts a replica of a server, and waits until it has everything. */
export async function startReplica(primary: TestRedis): Promise<TestRedis> {
  const replica = await startTestRedis({ extraArgs: ["--replicaof", "127.0.0.1", String(primary.port)] });
  await waitUntil("the replica is in step", async () =>
    (await sendTo(replica, "INFO", "replication")).includes("master_link_status:up"),
  );
  return replica;
}

/** Sentinels that watch a primary named `mymaster`. */
export interface TestSentinels {
  readonly ports: readonly number[];
  stop(): Promise<void>;
}

/** Starts three sentinels for a primary and waits until they know each other and its replicas. */
export async function startSentinels(primary: TestRedis, replicas: number): Promise<TestSentinels> {
  const { path, env } = await testRedisExecutable();
  const dir = await mkdtemp(join(tmpdir(), "leasehold-sentinel-"));
  const children: GuardedChild[] = [];
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop(0)));
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const ports: number[] = [];
    for (let i = 0; i < 3; i++) {
      const port = await findLoopbackPort();
      const file = join(dir, `${i}.conf`);
      const settings = [
        `port ${port}`,
        "bind 127.0.0.1",
        `dir "${dir}"`,
        `sentinel monitor mymaster 127.0.0.1 ${primary.port} 2`,
        "sentinel down-after-milliseconds mymaster 500",
        "sentinel failover-timeout mymaster 3000",
      ];
      await writeFile(file, `${settings.join("\n")}\n`);
      children.push(
        await spawnGuarded({ command: path, args: [file, "--sentinel"], env: { ...env }, cwd: dir }),
      );
      ports.push(port);
    }
    await awaitSentinels({ ports }, replicas);
    return { ports, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until every sentinel knows the others, and so many replicas that it would promote. */
export async function awaitSentinels(
  { ports }: Pick<TestSentinels, "ports">,
  replicas: number,
): Promise<void> {
  for (const port of ports) {
    const ask = (what: string) => sendTo({ port }, "SENTINEL", what, "mymaster").catch(() => "");
    const knows = async () => {
      const told = await ask("MASTER");
      if (!told.includes("\nflags\nmaster\n") || !told.includes("\nnum-other-sentinels\n2\n")) return false;
      const fit = (await ask("REPLICAS")).match(/\nflags\nslave\n[\s\S]*?\nmaster-link-status\nok\n/g) ?? [];
      return fit.length === replicas;
    };
    await waitUntil(`the sentinel at ${port} knows everyone`, knows, 30_000);
  }
}
