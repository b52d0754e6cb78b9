import { setTimeout as delay } from "node:timers/promises";
import { leaseUuidOf } from "../src/backends/aws/user-name.ts";
import { leaseUuid } from "../src/core/lease.ts";
import { type BenchClient, credsPath } from "./bench-client.ts";
import { startCpuClock } from "./cpu-clock.ts";
import { createDeathWatch, type Deaths } from "./death-watch.ts";
import type { LeaseWorld } from "./lease-world.ts";
import { dueTimes, type StormFigures, stormFigures } from "./storm-figures.ts";
import type { StormPlan } from "./storm-plans.ts";
import { timeEach } from "./time-each.ts";

const issuesInFlight = 16;
const renewalsInFlight = 200;
const pageSize = 1000;
const watchEveryMs = 1000;

/** The server under test, and the mount whose leases come due. */
export interface StormTarget {
  readonly world: LeaseWorld;
  readonly serverPid: number;
  readonly client: BenchClient;
  readonly accessor: string;
  readonly say: (line: string) => void;
}

/** What a storm gave, and what it cost in CPU time of a process: milliseconds a lease, and cores. */
export interface ServerStorm extends StormFigures {
  readonly server: CpuUse;
  readonly simulator: CpuUse;
}

/** CPU time that a process used. */
export interface CpuUse {
  readonly msPerLease: number;
  readonly cores: number;
}

/** Issues leases, lets them come due as planned, and waits until the last user is gone. */
export async function stormServer(target: StormTarget, plan: StormPlan): Promise<ServerStorm> {
  const { world, say } = target;
  const { leases, latencyMs } = plan;
  await world.simulator.setLatency(0);
  await issueAll(target, leases);
  await world.simulator.setLatency(latencyMs);
  await world.simulator.clearCalls();
  // Long enough ahead for the last of them to be moved before the first is due.
  const fromMs = (await world.store.nowMs()) + 5000 + 2 * leases;
  const dueMs = await makeDue(target, dueTimes({ ...plan, fromMs }));
  if ((await world.store.nowMs()) > fromMs)
    throw new Error("The leases came due while they were still being moved.");
  await delay(fromMs - (await world.store.nowMs()));
  const clocks = [target.serverPid, world.simulatorPid].map((pid) => startCpuClock(pid));
  const startedMs = performance.now();
  const deaths = await watchThemGo(world, leases);
  const tookMs = performance.now() - startedMs;
  const [server, simulator] = clocks.map((clock) => {
    const ms = clock();
    return { msPerLease: ms / leases, cores: ms / tookMs };
  });
  if (!server || !simulator) throw new Error("A process has no CPU clock.");
  say(`All ${leases} leases are gone.`);
  const dueOfUser = [...deaths.users.keys()].map(
    (user) => [user, dueMs.get(leaseUuidOf(user)) ?? Number.NaN] as const,
  );
  return { ...stormFigures(new Map(dueOfUser), deaths), server, simulator };
}

/** Waits until so many users are gone, and reads the simulator's log meanwhile. */
export async function watchThemGo(world: LeaseWorld, users: number): Promise<Deaths> {
  const watch = createDeathWatch(world.simulator);
  while (watch.users.size < users) {
    await delay(watchEveryMs);
    await watch.look();
  }
  return watch;
}

/** Issues the leases, an hour long each, as callers would. */
export async function issueAll(
  { client, say }: Pick<StormTarget, "client" | "say">,
  count: number,
): Promise<void> {
  const { secrets, options } = client;
  const { times } = await timeEach(Array.from({ length: count }), issuesInFlight, () =>
    secrets.read({ path: credsPath }, options),
  );
  say(`Issued ${count} leases, ${times.perSecond.toFixed(0)} a second.`);
}

/** Moves the expiry of every lease to one of the times; answers when each is due, by the UUID of the lease. */
export async function makeDue(
  { world, accessor }: Pick<StormTarget, "world" | "accessor">,
  times: readonly number[],
): Promise<ReadonlyMap<string, number>> {
  const { store } = world;
  const left = times.values();
  const dueMs = new Map<string, number>();
  for (let after = ""; ; ) {
    const page = await store.list(accessor, { prefix: "", after, limit: pageSize });
    const last = page.at(-1);
    if (last === undefined) return dueMs;
    after = last.id;
    await timeEach(page, renewalsInFlight, async (lease) => {
      const expiresAtMs = left.next().value;
      if (expiresAtMs === undefined) throw new Error("There are more leases than were issued.");
      dueMs.set(leaseUuid(lease.id), expiresAtMs);
      await store.renew(lease, { expectedExpiresAtMs: lease.expiresAtMs, expiresAtMs });
    });
  }
}
