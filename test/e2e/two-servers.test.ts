import { beforeAll, expect, it } from "vitest";
import { type DeployedServer, deploy } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 80_000;
const leaseCount = 40;
/** How long a claim of a server that died holds the others off, and time for what comes after. */
const claimMsMax = 35_000;

/** Has a server make and renew leases, one after the other, until told to stop; rejects with the first error. */
function keepBusy(
  work: (server: DeployedServer) => Promise<unknown>,
  server: DeployedServer,
): { stop(): Promise<number> } {
  let isOver = false;
  const run = async (): Promise<number> => {
    for (let count = 0; ; count++) {
      if (isOver) return count;
      await work(server);
    }
  };
  const running = run();
  // Told to whoever stops it.
  running.catch(() => {});
  return {
    stop: () => {
      isOver = true;
      return running;
    },
  };
}

it("two servers revoke each of forty leases that expire together exactly once, and one goes on when the other dies", {
  timeout,
}, async () => {
  await using deployment = await deploy({ servers: 2 });
  const [one, other] = deployment.servers;
  if (!one || !other) throw new Error("There are not two servers.");
  await deployment.mountAws();
  await deployment.writeRole();
  const issue = (ttl: string) =>
    Promise.all(
      Array.from({ length: leaseCount }, (_, at) =>
        deployment.readCreds({ from: at % 2 === 0 ? one : other, ttl }),
      ),
    );

  const first = await issue("2s");
  expect(new Set(first.map(({ accessKeyId }) => accessKeyId)).size).toBe(leaseCount);
  await eventually("all leases have ended", async () => (await deployment.countLeases()) === 0);
  expect(deployment.aliveUsers()).toEqual([]);
  const calls = deployment.aws.calls.counts();
  expect(calls["DeleteUser"]).toEqual({ OK: leaseCount });
  expect(calls["DeleteAccessKey"]).toEqual({ OK: leaseCount });

  const second = await issue("2s");
  // Slow enough for the kill to strike revocations that are under way.
  deployment.aws.faults.add({ kind: "latency", ms: 60 });
  const caller = keepBusy(async (server) => {
    const { leaseId } = await deployment.readCreds({ from: server });
    await server.leases.renew({ leaseId, increment: { seconds: 7200n } });
    await server.leases.revoke({ leaseId });
  }, other);
  const deleted = () => deployment.aws.calls.counts()["DeleteUser"]?.["OK"] ?? 0;
  await eventually("some of them are deleted", () => deleted() > leaseCount + 2);
  await one.kill();
  const isGone = () => second.every(({ user }) => !deployment.aliveUsers().includes(user));
  await eventually("all of them are gone", isGone, { withinMs: claimMsMax });
  expect(await caller.stop()).toBeGreaterThan(3);
  await untilNothingIsLeft(deployment, { withinMs: claimMsMax });
});
