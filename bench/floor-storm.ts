import { engineDefaults } from "../src/core/engine-settings.ts";
import type { LeaseWorld } from "./lease-world.ts";
import type { SdkFloorProcess } from "./sdk-floor-process.ts";
import { watchThemGo } from "./server-storm.ts";
import { dueTimes, type StormFigures, stormFigures } from "./storm-figures.ts";
import type { StormPlan } from "./storm-plans.ts";

const issuesInFlight = 16;
/** Before the first is due: for the order to arrive. */
const leadMs = 500;
const answerMs = 300_000;

/** Sends the calls of a storm with the bare AWS SDK at the same times, as many revocations at once as one server has under way. */
export async function stormFloor(
  world: LeaseWorld,
  sdk: SdkFloorProcess,
  plan: StormPlan,
): Promise<StormFigures> {
  const { leases: count, latencyMs } = plan;
  const order = { awsUrl: world.awsUrl, count, answerMs };
  await world.simulator.setLatency(0);
  const { users } = await sdk.run({ ...order, kind: "issue", inFlight: issuesInFlight });
  await world.simulator.setLatency(latencyMs);
  await world.simulator.clearCalls();
  const dueAtMs = dueTimes({ ...plan, fromMs: Date.now() + leadMs });
  const [deaths] = await Promise.all([
    watchThemGo(world, count),
    sdk.run({ ...order, kind: "revoke", inFlight: engineDefaults.laneConcurrency, dueAtMs }),
  ]);
  return stormFigures(new Map(users.map((user, at) => [user, dueAtMs[at] ?? Number.NaN])), deaths);
}
