import { leaseStoreConformance } from "../conformance/lease-store.ts";
import { storageConformance } from "../conformance/storage.ts";
import { createCallPoints } from "./call-points.ts";
import { createFaults } from "./faults.ts";
import { createModelLeaseStore } from "./model-lease-store.ts";
import { createModelRedis } from "./model-redis.ts";
import { createModelStorage } from "./model-storage.ts";
import { createRandom } from "./random.ts";
import { connectRedis } from "./redis-connection.ts";
import { createScheduler } from "./scheduler.ts";
import { createTrace } from "./trace.ts";

/** The model without faults, run forward whenever something waits for it. */
function createQuietRedis() {
  const scheduler = createScheduler(createRandom(1, "scheduler"));
  const nowMs = () => scheduler.nowMs();
  const trace = createTrace({ nowMs, isKept: false });
  const random = createRandom(1, "redis");
  const faults = createFaults({ nowMs, random, trace });
  const redis = createModelRedis({ durability: "always", scheduler, random, faults, trace });
  const process = scheduler.spawn("server");
  const callPoints = createCallPoints({ faults, trace });
  const connection = connectRedis({ redis, process, scheduler, random, faults, callPoints });
  let waiting = 0;
  let driving: Promise<void> | undefined;
  /** Moves time on while anybody waits for an answer. */
  const drive = async (): Promise<void> => {
    while (waiting > 0) await scheduler.run(scheduler.nowMs() + 5);
    driving = undefined;
  };
  const through = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(of, name) {
        const value: unknown = Reflect.get(of, name);
        if (typeof value !== "function") return value;
        return async (...args: readonly unknown[]) => {
          waiting += 1;
          try {
            const answer: unknown = Reflect.apply(value, of, args);
            driving ??= drive();
            return await answer;
          } finally {
            waiting -= 1;
          }
        };
      },
    });
  return {
    scheduler,
    leases: through(createModelLeaseStore(connection)),
    storage: through(createModelStorage(connection)),
    passTo: async (atMs: number) => {
      await driving;
      await scheduler.run(atMs + 1);
    },
  };
}

leaseStoreConformance("the model of Redis", async () => {
  const { leases, passTo } = createQuietRedis();
  return { store: leases, passTo };
});

storageConformance("the model of Redis", async () => {
  const { leases, storage } = createQuietRedis();
  return {
    storage,
    setMountState: (...change) => leases.setMountState(...change),
    epoch: (accessor) => leases.epoch(accessor),
  };
});
