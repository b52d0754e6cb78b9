import { expect, it } from "vitest";
import { type SimulatedMount, simulatedMount } from "../root-key/simulated-mount.ts";
import { type Death, mortalServers } from "./mortal-servers.ts";

/** Has a server do something and die, at every call in turn, and each time another server look after it. */
async function atEveryCall(
  play: (mount: SimulatedMount, death: Death & { readonly user: string }) => Promise<boolean>,
): Promise<number> {
  await using mount = await simulatedMount();
  // Dying before a call leaves the same behind as dying after the one before it.
  for (let at = 0; ; at++) if (!(await play(mount, { at, user: `user-${at}` }))) return at;
}

it("a server that dies at any call of rotate-root leaves a root key that works, and in the end one key", async () => {
  const deaths = await atEveryCall(async (mount, death) => {
    const servers = mortalServers(mount.simulator);
    const { id, secret } = await mount.createUser(death.user, ["iam:*", "sts:*"]);
    await servers.start().write("config/root", { access_key: id, secret_key: secret });
    const victim = servers.start(death);
    await victim.write("config/rotate-root").catch(() => {});
    const expectWorkingKey = async () => {
      const { accessKey, secretKey } = (await servers.storage.get("config/root")) ?? {};
      const keys = mount.simulator.account.users.find(death.user)?.accessKeys;
      expect(keys?.get(String(accessKey))?.secret, JSON.stringify(death)).toBe(secretKey);
    };
    await expectWorkingKey();
    const heir = servers.start();
    servers.advance(130_000);
    await heir.upkeep();
    await expectWorkingKey();
    expect(mount.keysOf(death.user), JSON.stringify(death)).toHaveLength(1);
    await heir.write("config/rotate-root");
    await expectWorkingKey();
    expect(mount.keysOf(death.user)).toHaveLength(1);
    servers.close();
    return victim.isDead();
  });
  expect(deaths).toBeGreaterThan(15);
}, 60_000);

it("a server that dies at any call of a static role's first write leaves no key whose secret is lost", async () => {
  const deaths = await atEveryCall(async (mount, death) => {
    const servers = mortalServers(mount.simulator);
    const root = await mount.createUser(`root-${death.user}`, ["iam:*", "sts:*"]);
    await servers.start().write("config/root", { access_key: root.id, secret_key: root.secret });
    const { id } = await mount.createUser(death.user);
    const victim = servers.start(death);
    const fields = { username: death.user, rotation_period: "1h" };
    await victim.write("static-roles/ci", fields).catch(() => {});
    const heir = servers.start();
    for (const _ of ["takes back", "begins anew"]) {
      servers.advance(130_000);
      await heir.upkeep();
    }
    const stored = await servers.storage.get("static-roles/ci");
    if (stored === undefined) expect(mount.keysOf(death.user)).toEqual([id]);
    await heir.write("static-roles/ci", fields);
    const { current } = (await servers.storage.get("static-roles/ci")) ?? {};
    const key = current as { id: string; secret: string };
    expect(mount.keysOf(death.user), JSON.stringify(death)).toEqual([key.id]);
    const keys = mount.simulator.account.users.find(death.user)?.accessKeys;
    expect(keys?.get(key.id)?.secret).toBe(key.secret);
    servers.close();
    return victim.isDead();
  });
  expect(deaths).toBeGreaterThan(15);
}, 60_000);
