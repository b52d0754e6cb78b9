import { describe, expect, it } from "vitest";
import { scripts } from "../../src/redis/scripts.ts";
import { eventually } from "../e2e/eventually.ts";
import { untilNothingIsLeft } from "../e2e/nothing-left.ts";
import { wordRefusal } from "../e2e/refusal.ts";
import { deployBehindProxy, withoutReply } from "./behind-proxy.ts";
import { faultFlavours } from "./fault-flavours.ts";

const timeout = 120_000;

const unavailable = { refused: { code: "Unavailable", reason: "STORAGE_UNAVAILABLE" } };

describe.concurrent.each(await faultFlavours())("On $name", ({ executable }) => {
  it("the lost reply of begin, activate, renew, or finish leaves no key that no lease ends", {
    timeout,
  }, async () => {
    await using scene = await deployBehindProxy(executable);
    const { deployment, server } = scene;
    const left = { withinMs: 30_000 };

    expect(await withoutReply(scene, scripts.begin, () => deployment.readCreds())).toMatchObject(unavailable);
    await untilNothingIsLeft(deployment, left);

    const issued = await withoutReply(scene, scripts.activate, () => deployment.readCreds());
    if ("told" in issued) {
      expect(await deployment.isKeyAlive(issued.told)).toBe(true);
      await server.leases.revoke({ leaseId: issued.told.leaseId });
    } else {
      expect(issued).toMatchObject(unavailable);
    }
    await untilNothingIsLeft(deployment, left);

    const key = await deployment.readCreds({ ttl: "1h" });
    const { leaseId } = key;
    await withoutReply(scene, scripts.renew, () => server.leases.renew({ leaseId }));
    await server.leases.renew({ leaseId });
    expect(await deployment.isKeyAlive(key)).toBe(true);
    expect(await deployment.countLeases()).toBe(1);

    await withoutReply(scene, scripts.finish, () => server.leases.revoke({ leaseId }));
    await untilNothingIsLeft(deployment, left);
    expect(await deployment.isKeyAlive(key)).toBe(false);
  });

  it("a caller who repeats an issue after a lost reply has one user with one key in the end", {
    timeout,
  }, async () => {
    await using scene = await deployBehindProxy(executable);
    const { deployment, server } = scene;
    const request = { path: "aws/creds/deploy", idempotencyKey: "once" };
    const first = await withoutReply(scene, scripts.activate, () => server.secrets.read(request));
    let repeated = await server.secrets.read(request).catch(wordRefusal);
    // Until the first try is cleaned away, the repeat may be told to come again.
    await eventually(
      "the repeat is answered",
      async () => {
        if (!("reason" in repeated)) return true;
        repeated = await server.secrets.read(request).catch(wordRefusal);
        return false;
      },
      { withinMs: 30_000 },
    );
    if ("reason" in repeated) throw new Error("The repeat was not answered.");
    const key = {
      accessKeyId: String(repeated.data?.["access_key"]),
      secretAccessKey: String(repeated.data?.["secret_key"]),
    };
    if ("told" in first) expect(first.told.data?.["secret_key"]).not.toBe(key.secretAccessKey);
    await eventually("one user is left", () => deployment.aliveUsers().length === 1, { withinMs: 30_000 });
    const [user = ""] = deployment.aliveUsers();
    expect([...deployment.aws.account.users.get(user).accessKeys.keys()]).toEqual([key.accessKeyId]);
    expect(await deployment.isKeyAlive(key)).toBe(true);
    expect(await deployment.countLeases()).toBe(1);
  });
});
