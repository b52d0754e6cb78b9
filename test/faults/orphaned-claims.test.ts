import { describe, expect, it } from "vitest";
import { scripts } from "../../src/redis/scripts.ts";
import { eventually } from "../e2e/eventually.ts";
import { untilNothingIsLeft } from "../e2e/nothing-left.ts";
import { wordRefusal } from "../e2e/refusal.ts";
import { type Deployment, deploy } from "../kit/deployment.ts";
import { canReadRedis, deployBehindProxy, withoutReply } from "./behind-proxy.ts";
import { faultFlavours } from "./fault-flavours.ts";

const timeout = 120_000;
/** A claim lasts 20 s; then another attempt is made. */
const takeoverMsMax = 60_000;
/** For the time that the server needs to be stopped between two of its calls. */
const latencyMs = 1500;

const countOf = ({ aws }: Deployment, action: string): number => aws.calls.counts()[action]?.["OK"] ?? 0;

describe.concurrent.each(await faultFlavours())("On $name", ({ executable }) => {
  it("a server that is stopped for longer than its claim is replaced by another, and does no harm when it goes on", {
    timeout,
  }, async () => {
    await using deployment = await deploy({ servers: 2, redis: { executable } });
    const [stopped, other] = deployment.servers;
    if (!stopped || !other) throw new Error("There are fewer servers than asked for.");
    await deployment.mountAws();
    await deployment.writeRole();
    const ending = await deployment.readCreds({ from: stopped, ttl: "1h" });
    const living = await deployment.readCreds({ from: other, ttl: "1h" });

    deployment.aws.faults.add({ kind: "latency", ms: latencyMs, actions: ["DeleteUser"], times: 1 });
    const before = countOf(deployment, "DeleteAccessKey");
    const asked = stopped.leases
      .revoke({ leaseId: ending.leaseId }, { timeoutMs: takeoverMsMax })
      .catch(() => undefined);
    await eventually("its key is deleted", () => countOf(deployment, "DeleteAccessKey") > before, {
      withinMs: 20_000,
    });
    process.kill(stopped.pid, "SIGSTOP");
    try {
      await eventually(
        "the other server has ended the lease",
        async () => Number((await other.leases.count({})).total) === 1,
        { withinMs: takeoverMsMax },
      );
      expect(deployment.aliveUsers()).toEqual([living.user]);
    } finally {
      process.kill(stopped.pid, "SIGCONT");
    }
    await asked;

    // It finds its connections cut first, and answers that Redis is away.
    await eventually(
      "the server that was stopped sees one lease",
      () =>
        stopped.leases.count({}).then(
          ({ total }) => Number(total) === 1,
          () => false,
        ),
      { withinMs: takeoverMsMax },
    );
    expect((await stopped.leases.lookup({ leaseId: living.leaseId })).lease?.id).toBe(living.leaseId);
    expect(await deployment.isKeyAlive(living)).toBe(true);
    expect(deployment.aliveUsers()).toEqual([living.user]);
    await stopped.leases.revoke({ leaseId: living.leaseId });
    await untilNothingIsLeft(deployment);
  });

  it("a lease whose claim nobody heard of ends once the claim has run out", { timeout }, async () => {
    await using scene = await deployBehindProxy(executable);
    const { deployment } = scene;
    const key = await deployment.readCreds({ ttl: "1h" });
    const other = await deployment.readCreds({ ttl: "1h" });
    await withoutReply(scene, scripts.claim, () =>
      scene.server.leases.revoke({ leaseId: key.leaseId }, { timeoutMs: 5000 }),
    );
    await eventually("its key is dead", async () => !(await deployment.isKeyAlive(key)), {
      withinMs: takeoverMsMax,
    });
    await eventually("it is the only lease that ended", async () => (await deployment.countLeases()) === 1);
    expect(deployment.aliveUsers()).toEqual([other.user]);
  });

  it("connections that are reset amid issues leave no user without a lease", { timeout }, async () => {
    await using scene = await deployBehindProxy(executable);
    const { deployment, proxy, server } = scene;
    const issues = Array.from({ length: 12 }, async (_, at) => {
      const outcome = await deployment.readCreds({ ttl: "1h" }).catch(wordRefusal);
      if (at % 4 === 0) proxy.reset();
      return outcome;
    });
    const outcomes = await Promise.all(issues);
    await eventually("Redis is read", () => canReadRedis(deployment), { withinMs: takeoverMsMax });
    for (const outcome of outcomes) {
      if ("reason" in outcome) expect(outcome.code).toBe("Unavailable");
      else expect(await deployment.isKeyAlive(outcome)).toBe(true);
    }
    const revokeAll = () => server.leases.revokePrefix({ prefix: "aws" });
    // On a machine that does much else, Redis may not answer in time.
    await eventually("all are revoked", () => revokeAll().then(Boolean, () => false), {
      withinMs: takeoverMsMax,
    });
    await untilNothingIsLeft(deployment, { withinMs: takeoverMsMax });
  });
});
