import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { eventually } from "../e2e/eventually.ts";
import { untilNothingIsLeft } from "../e2e/nothing-left.ts";
import { refusalOf } from "../e2e/refusal.ts";
import { deploy } from "../kit/deployment.ts";
import { faultFlavours } from "./fault-flavours.ts";

const timeout = 60_000;
const withinMs = 20_000;
const keyringKey = "lh:keyring";
/** For issues on a machine that does much else. */
const env = { LEASEHOLD_ISSUE_GRACE: "10s" };

describe.concurrent.each(await faultFlavours())("On $name", ({ executable }) => {
  it("a keyring that Redis lost is written again as it was, so that the next start opens what was sealed meanwhile", {
    timeout,
  }, async () => {
    await using deployment = await deploy({ redis: { executable }, env });
    const { redisConnection, server } = deployment;
    const keyringNow = () => redisConnection.getBuffer(keyringKey);
    const before = await keyringNow();
    await redisConnection.del(keyringKey);
    await deployment.mountAws();
    await deployment.writeRole();
    const key = await deployment.readCreds({ ttl: "1h" });
    await eventually("there is a keyring again", async () => (await keyringNow()) !== null, { withinMs });
    expect(await keyringNow()).toEqual(before);

    await server.kill();
    const next = await deployment.startServer();
    await next.leases.revoke({ leaseId: key.leaseId });
    await untilNothingIsLeft(deployment);
  });

  it("a server whose keyring was replaced refuses every call and ends no lease, until it is back", {
    timeout,
  }, async () => {
    await using deployment = await deploy({ redis: { executable }, env });
    const { redisConnection, server } = deployment;
    await deployment.mountAws();
    await deployment.writeRole();
    const key = await deployment.readCreds({ ttl: "8s" });
    const before = await redisConnection.getBuffer(keyringKey);
    await redisConnection.set(keyringKey, randomBytes(64));
    const isReady = async () => (await fetch(`${server.httpUrl}/readyz`)).ok;
    await eventually("the server is not ready", async () => !(await isReady()), { withinMs });
    expect(await refusalOf(deployment.writeRole())).toMatchObject({
      code: "Unavailable",
      reason: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("keyring"),
    });
    await eventually("the lease has run out", () => Date.now() > key.expiresAtMs + 1000, { withinMs });
    expect(deployment.aliveUsers()).toEqual([key.user]);

    await redisConnection.set(keyringKey, before ?? "");
    await eventually("the server is ready again", isReady, { withinMs });
    await untilNothingIsLeft(deployment, { withinMs });
  });
});
