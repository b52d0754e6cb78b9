import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, it } from "vitest";
import { deploy, type LeasedKey } from "../kit/deployment.ts";
import { testRedisExecutable } from "../kit/redis-server.ts";
import { eventually } from "./eventually.ts";
import { untilNothingIsLeft } from "./nothing-left.ts";

beforeAll(testRedisExecutable, 180_000);

const timeout = 60_000;
const latencyMs = 60;
const issueCount = 24;
const staggerMs = 8;

it("a server that is paused amid its issues for longer than their grace undoes what it makes when it goes on", {
  timeout,
}, async () => {
  await using deployment = await deploy({ servers: 2 });
  const [paused] = deployment.servers;
  const { aws } = deployment;
  if (!paused) throw new Error("There are no servers.");
  await deployment.mountAws();
  await deployment.writeRole({ fields: { default_ttl: "4s" } });
  await Promise.all(deployment.servers.map((from) => deployment.readCreds({ from })));
  await deployment.server.leases.revokePrefix({ prefix: "aws" });
  aws.faults.add({ kind: "latency", ms: latencyMs });

  // Begun one after the other, so that the pause finds issues at every stage.
  const issues: Promise<LeasedKey | undefined>[] = [];
  for (let count = 0; count < issueCount; count++) {
    issues.push(deployment.readCreds({ from: paused }).catch(() => undefined));
    await sleep(staggerMs);
  }
  process.kill(paused.pid, "SIGSTOP");
  await eventually(
    "the other server has ended them all",
    async () => (await deployment.countLeases()) === 0,
    {
      withinMs: 20_000,
    },
  );
  process.kill(paused.pid, "SIGCONT");

  const handedOut = (await Promise.all(issues)).filter((key) => key !== undefined);
  expect(handedOut.length).toBeLessThan(issueCount);
  await untilNothingIsLeft(deployment);
  for (const key of handedOut) expect(await deployment.isKeyAlive(key)).toBe(false);
});
