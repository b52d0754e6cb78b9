/** `npm run bench:storm`: many leases come due at once. How late does each key die, and how long until all are gone? */
import { arch, cpus, platform } from "node:os";
import { createBenchClient } from "./bench-client.ts";
import { stormFloor } from "./floor-storm.ts";
import { createLeaseWorld } from "./lease-world.ts";
import { mountAccessor } from "./mount-accessor.ts";
import { runBounded } from "./run-bounded.ts";
import { startSdkFloor } from "./sdk-floor-process.ts";
import { stormServer } from "./server-storm.ts";
import { readStormPlans, type StormPlan } from "./storm-plans.ts";
import { type StormResult, stormReport } from "./storm-report.ts";

const limitMs = 1_200_000;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function storm(
  plans: readonly StormPlan[],
  onStop: (end: () => Promise<unknown>) => void,
): Promise<void> {
  say("Starting Redis, the AWS simulator and the server.");
  const world = await createLeaseWorld(say);
  onStop(() => world.stop());
  const { pid: serverPid, grpcUrl } = await world.startServer();
  const account = { grpcUrl, rootToken: world.rootToken };
  const client = await createBenchClient(account);
  const accessor = await mountAccessor(account, "aws");
  const sdk = startSdkFloor();
  world.onStop(() => sdk.stop());
  const results: StormResult[] = [];
  for (const plan of plans) {
    const server = await stormServer({ world, serverPid, client, accessor, say }, plan);
    say("Doing the same with the bare AWS SDK.");
    results.push({ plan, server, floor: await stormFloor(world, sdk, plan) });
  }
  const processor = `${cpus().length} x ${cpus()[0]?.model.trim() ?? "unknown"}`;
  const surroundings = `Node ${process.version}, ${platform()} ${arch()}, ${processor}, ${world.redisVersion}.`;
  process.stdout.write(stormReport(results, surroundings));
}

await runBounded({
  limitMs,
  async work(onStop) {
    const plans = readStormPlans(process.argv.slice(2));
    if ("help" in plans) process.stdout.write(plans.help);
    else await storm(plans, onStop);
  },
});
