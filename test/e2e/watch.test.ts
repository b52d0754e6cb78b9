import { beforeAll, expect, test } from "vitest";
import { type LeaseEvent, LeaseEventKind } from "../../gen/leasehold/v1/leases_pb.ts";
import { type DeployedServer, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";

beforeAll(testRedisExecutable, 180_000);

/** Takes events of a stream as they come, until `stop`. */
function watch(server: DeployedServer, request: { readonly prefix?: string; readonly resumeToken?: string }) {
  const stopping = new AbortController();
  const events: LeaseEvent[] = [];
  const pump = async () => {
    for await (const { event } of server.leases.watch(request, { signal: stopping.signal }))
      if (event) events.push(event);
  };
  const ended = pump().catch(() => {});
  return {
    events,
    kinds: () => events.map(({ kind, lease }) => [kind, lease?.id]),
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

test("a watch on one server tells what happens on another, and goes on there with its token", async () => {
  await using world = await deploy({ servers: 2 });
  const [a, b] = world.servers;
  if (!a || !b) throw new Error("Two servers were asked for.");
  await world.mountAws();
  await world.writeRole();
  const first = watch(a, { prefix: "aws/" });
  // Until something is seen nobody knows that the stream has begun.
  const keys: string[] = [];
  await expect
    .poll(
      async () => {
        keys.push((await world.readCreds({ from: b, ttl: "1h" })).leaseId);
        return first.events.length;
      },
      { timeout: 15_000, interval: 500 },
    )
    .toBeGreaterThan(0);
  const leaseId = keys.at(-1) ?? "";
  await expect.poll(() => first.kinds().at(-1), { timeout: 5000 }).toEqual([LeaseEventKind.ISSUED, leaseId]);
  await b.leases.renew({ leaseId, increment: { seconds: 7200n, nanos: 0 } });
  await expect.poll(() => first.kinds().at(-1), { timeout: 5000 }).toEqual([LeaseEventKind.RENEWED, leaseId]);
  await first.stop();

  await a.leases.revoke({ leaseId });
  const second = watch(b, { prefix: "aws/", resumeToken: first.events.at(-1)?.resumeToken ?? "" });
  await expect.poll(() => second.kinds(), { timeout: 5000 }).toEqual([[LeaseEventKind.REVOKED, leaseId]]);
  await second.stop();
}, 60_000);
