import type { TestNode } from "./test-cluster.ts";

const keysAtOnce = 5;
const migrateTimeoutMs = "2000";

/** Moves a slot of a cluster as `redis-cli --cluster reshard` does: key by key, while others go on using it. */
export async function moveSlot(options: {
  readonly slot: number;
  readonly from: TestNode;
  readonly to: TestNode;
  readonly tell: readonly TestNode[];
  /** Runs after each few keys, while some are here and some are there. */
  readonly onStep?: () => Promise<void>;
}): Promise<void> {
  const { from, to, tell, onStep } = options;
  const slot = String(options.slot);
  await to.send("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id);
  await from.send("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id);
  for (;;) {
    const keys = (await from.send("CLUSTER", "GETKEYSINSLOT", slot, String(keysAtOnce)))
      .split("\n")
      .filter((key) => key !== "");
    if (keys.length === 0) break;
    const address = ["127.0.0.1", String(to.redis.port)];
    await from.send("MIGRATE", ...address, "", "0", migrateTimeoutMs, "KEYS", ...keys);
    await onStep?.();
  }
  for (const node of [to, from, ...tell]) await node.send("CLUSTER", "SETSLOT", slot, "NODE", to.id);
}
