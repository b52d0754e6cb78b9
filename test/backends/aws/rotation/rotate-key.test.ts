import { describe, expect, it } from "vitest";
import { createRotationWorld, type RotationWorld } from "./rotation-world.ts";

/** The stored current key is one that AWS has, with its secret. */
function expectWorkingKey({ stored, keys }: RotationWorld): void {
  const { current } = stored ?? {};
  expect(current).toBeDefined();
  expect(keys.get(current?.id ?? "")).toBe(current?.secret);
}

/** Lets other servers go on until nothing is left to do, and then rotates once more. */
async function settle(world: RotationWorld): Promise<void> {
  world.fault = () => undefined;
  for (let rounds = 0; rounds < 3 && world.stored?.rotation !== undefined; rounds++) {
    world.wait();
    await world.resume();
    expectWorkingKey(world);
  }
  expect(world.stored?.rotation).toBeUndefined();
}

async function callsOfRotation(): Promise<number> {
  const world = createRotationWorld();
  expect(await world.rotate()).toBe("done");
  return world.calls.length;
}

describe("the rotation of a key", () => {
  it("stores the new key before it uses it, and deletes the old one last", async () => {
    const world = createRotationWorld();
    expect(await world.rotate()).toBe("done");
    const changing = world.calls.map(({ name }) => name).filter((name) => !/read|probe|list/.test(name));
    // Intent; key; pending; current; old key; end; the right is given back.
    expect(changing).toEqual(["change", "create", "change", "change", "remove", "change", "change"]);
    expect([...world.keys.keys()]).toEqual(["KEY1"]);
    expect(world.stored).toEqual({
      user: "ci",
      current: { id: "KEY1", secret: "secret of KEY1" },
      rotatedAtMs: expect.any(Number),
    });
  });

  it.each(["killed before", "killed after", "lost reply"] as const)(
    "keeps a working key, and leaves exactly one, whichever call is hit: %s",
    async (fault) => {
      const count = await callsOfRotation();
      for (let at = 0; at < count; at++) {
        const world = createRotationWorld();
        world.fault = ({ number }) => (number === at ? fault : undefined);
        await world.rotate();
        expectWorkingKey(world);
        await settle(world);
        expect([...world.keys.keys()], `after call ${at}`).toEqual([world.stored?.current?.id]);
        expect(await world.rotate()).toBe("done");
        expect([...world.keys.keys()]).toEqual([world.stored?.current?.id]);
      }
    },
  );

  it("keeps a working key where the server that takes over is killed as well", async () => {
    const count = await callsOfRotation();
    for (let at = 0; at < count; at++) {
      for (let again = 0; again < 8; again++) {
        const world = createRotationWorld();
        world.fault = ({ number }) => (number === at ? "killed after" : undefined);
        await world.rotate();
        const since = world.calls.length;
        world.fault = ({ number }) => (number === since + again ? "killed after" : undefined);
        world.wait();
        await world.resume();
        expectWorkingKey(world);
        await settle(world);
        expect([...world.keys.keys()]).toEqual([world.stored?.current?.id]);
      }
    }
  });

  it("does not let a second server begin while one works on it", async () => {
    const world = createRotationWorld();
    world.fault = ({ name }) => (name === "create" ? "killed after" : undefined);
    await world.rotate();
    world.fault = () => undefined;
    expect(await world.rotate()).toMatch(/is being rotated already/);
    expect(await world.resume()).toBe("none");
    expect(world.keys.size).toBe(2);
  });

  it("goes on with the old key until AWS knows the new one", async () => {
    const world = createRotationWorld();
    world.knows = false;
    expect(await world.rotate()).toBe("checking");
    expect(world.stored?.current?.id).toBe("KEY0");
    world.knows = true;
    expect(await world.resume()).toBe("done");
    expect([...world.keys.keys()]).toEqual(["KEY1"]);
  });

  it("takes back a key that never comes to work", async () => {
    const world = createRotationWorld();
    world.knows = false;
    await world.rotate();
    world.wait(120_000);
    expect(await world.resume()).toMatch(/KEY1 .* has not come to work/);
    expect([...world.keys.keys()]).toEqual(["KEY0"]);
    expect(world.stored?.rotation).toBeUndefined();
  });

  it("is over at once where AWS refuses to make a key", async () => {
    const world = createRotationWorld();
    world.fault = ({ name }) => (name === "create" ? "refused" : undefined);
    expect(await world.rotate()).toMatch(/AccessDenied/);
    expect(world.stored?.rotation).toBeUndefined();
  });

  it("says that the old key still lives where AWS refuses to delete it, and tries again", async () => {
    const world = createRotationWorld();
    world.fault = ({ name }) => (name === "remove" ? "refused" : undefined);
    expect(await world.rotate()).toBe("removing");
    expect(world.stored?.current?.id).toBe("KEY1");
    world.fault = () => undefined;
    expect(await world.resume()).toBe("done");
    expect([...world.keys.keys()]).toEqual(["KEY1"]);
  });

  it.each(["list", "remove"])(
    "says what AWS refuses where a key cannot be taken back: %s",
    async (refused) => {
      const world = createRotationWorld();
      world.fault = ({ name }) => (name === "create" ? "killed after" : undefined);
      await world.rotate();
      world.fault = ({ name }) => (name === refused ? "refused" : undefined);
      world.wait();
      expect(await world.resume()).toMatch(
        /^failed: Cannot .* of user "ci": AWS refused it with AccessDenied/,
      );
      expect(world.stored?.rotation?.step).toBe("creating");
      await settle(world);
      expect([...world.keys.keys()]).toEqual(["KEY0"]);
    },
  );

  it("leaves a key alone that somebody else has made since", async () => {
    const world = createRotationWorld();
    world.fault = ({ name }) => (name === "create" ? "killed before" : undefined);
    await world.rotate();
    world.fault = () => undefined;
    world.wait(150_000);
    world.keys.set("THEIRS", "secret");
    await world.resume();
    expect([...world.keys.keys()]).toEqual(["KEY0", "THEIRS"]);
    expect(world.stored?.rotation).toBeUndefined();
  });
});
