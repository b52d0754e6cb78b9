import { beforeEach, describe, expect, test } from "vitest";
import {
  createObservedWorld,
  mountsList,
  type ObservedWorld,
  type ObservingServer,
} from "../kit/observed-world.ts";

let world: ObservedWorld;

beforeEach(() => {
  world = createObservedWorld();
  world.mounts.set("aws", { epoch: 100, leases: 4, due: [] });
  world.mounts.set("kv", { epoch: 7, leases: 0, due: [] });
});

describe("an observer that was told to observe", () => {
  test("lets nothing be claimed, says why, and what it leaves alone", async () => {
    world.mounts.set("aws", { epoch: 100, leases: 4, due: ["aws/creds/a/1", "aws/creds/a/2"] });
    const server = world.create({ isAsked: true });
    await server.observer.start();
    expect(server.observer.isObserving()).toBe(true);
    expect(server.observer.mayClaim("aws")).toBe(false);
    expect(await server.observer.status()).toEqual({
      isObserveOnly: true,
      reasons: [expect.stringContaining("LEASEHOLD_OBSERVE_ONLY")],
      observingSinceMs: world.clock.nowMs(),
      wouldRevoke: 2,
      wouldRevokeIds: ["aws/creds/a/1", "aws/creds/a/2"],
    });
  });

  test("tells every minute what it leaves alone", async () => {
    const server = world.create({ isAsked: true });
    await server.observer.start();
    await world.run(server, 125);
    expect(server.notices.map(({ kind }) => kind)).toEqual(["began", "waiting", "waiting", "waiting"]);
  });

  test("shows at most a hundred ids, and counts the others", async () => {
    const due = Array.from({ length: 250 }, (_, at) => `aws/creds/a/${at}`);
    world.mounts.set("aws", { epoch: 100, leases: 250, due });
    const server = world.create({ isAsked: true });
    await server.observer.start();
    const { wouldRevoke, wouldRevokeIds } = await server.observer.status();
    expect(wouldRevoke).toBe(250);
    expect(wouldRevokeIds).toHaveLength(100);
  });

  test("ends when a person says go, here or on another server", async () => {
    world.mounts.set("aws", { epoch: 100, leases: 4, due: ["aws/creds/a/1"] });
    const [first, second] = [world.create({ isAsked: true }), world.create({ isAsked: true })];
    await first.observer.start();
    await second.observer.start();
    await world.clock.advance(5000);
    expect(await first.observer.resume()).toEqual({ due: 1 });
    expect(first.observer.mayClaim("aws")).toBe(true);
    expect(first.freed()).toBeGreaterThan(0);
    expect(second.observer.isObserving()).toBe(true);
    await world.run(second, 1);
    expect(second.observer.mayClaim("aws")).toBe(true);
    expect(second.notices.at(-1)).toEqual({ kind: "ended" });
    expect(await second.observer.status()).toMatchObject({
      isObserveOnly: false,
      reasons: [],
      wouldRevoke: 0,
    });
  });

  test("observes again at the next start", async () => {
    const first = world.create({ isAsked: true });
    await first.observer.start();
    await first.observer.resume();
    await world.clock.advance(1000);
    const second = world.create({ isAsked: true });
    await second.observer.start();
    await world.run(second, 3);
    expect(second.observer.isObserving()).toBe(true);
  });
});

describe("an observer that runs", () => {
  let server: ObservingServer;

  beforeEach(async () => {
    server = world.create();
    await server.observer.start();
    await world.run(server, 60, () => world.setEpoch("aws", (world.mounts.get("aws")?.epoch ?? 0) + 10));
  });

  test("lets nothing be claimed while nobody knows which storage came back", async () => {
    const freed = server.freed();
    server.observer.doubt();
    expect(server.observer.mayClaim("aws")).toBe(false);
    expect(server.observer.isObserving()).toBe(false);
    await world.run(server, 1);
    expect(server.observer.mayClaim("aws")).toBe(true);
    expect(server.freed()).toBe(freed + 1);
  });

  test("keeps its doubts of the mounts that it cannot read, and of no others", async () => {
    server.observer.doubt();
    world.away.add("kv");
    await world.run(server, 1);
    expect([server.observer.mayClaim("aws"), server.observer.mayClaim("kv")]).toEqual([true, false]);
    world.away.clear();
    await world.run(server, 1);
    expect(server.observer.mayClaim("kv")).toBe(true);
  });

  test("does not believe a check that began before the storage was lost", async () => {
    const checking = server.observer.check();
    server.observer.doubt();
    await checking;
    expect(server.observer.mayClaim("aws")).toBe(false);
    await server.observer.check();
    expect(server.observer.mayClaim("aws")).toBe(true);
  });

  test("goes on where a failover lost the last changes, and tells of it", async () => {
    world.setEpoch("aws", 690 - 50);
    await world.run(server, 1);
    expect(server.observer.isObserving()).toBe(false);
    expect(server.notices).toEqual([{ kind: "tailLost", reasons: [expect.stringContaining('Mount "aws"')] }]);
    await world.run(server, 5);
    expect(server.notices).toHaveLength(1);
  });

  test("observes where more is missing than a failover loses", async () => {
    world.setEpoch("aws", 690 - 250);
    await world.run(server, 1);
    expect(server.observer.isObserving()).toBe(true);
    expect(server.observer.mayClaim("kv")).toBe(false);
  });

  test("observes where a mount at rest went back by one", async () => {
    world.setEpoch("kv", 6);
    await world.run(server, 1);
    expect(server.observer.isObserving()).toBe(true);
  });

  test("goes on where a mount lost its last second that was made after the server's start", async () => {
    // Found only now, with all of its changes.
    world.mounts.set("new", { epoch: 9, leases: 2, due: [] });
    await world.run(server, 1);
    world.setEpoch("new", 7);
    await world.run(server, 2);
    expect(server.observer.mayClaim("new")).toBe(true);
    expect(server.notices).toEqual([{ kind: "tailLost", reasons: [expect.stringContaining('Mount "new"')] }]);
    world.mounts.delete("new");
    await world.run(server, 1);
    expect(server.observer.mayClaim("aws")).toBe(true);
    expect(server.notices.at(-1)).toEqual({
      kind: "tailLost",
      reasons: [expect.stringContaining("was new with")],
    });
  });

  test("observes where a mount goes back that was made longer ago, or everything is gone", async () => {
    world.mounts.set("new", { epoch: 9, leases: 2, due: [] });
    await world.run(server, 13);
    world.setEpoch("new", 7);
    await world.run(server, 1);
    expect((await server.observer.status()).reasons).toEqual([expect.stringContaining('Mount "new"')]);
    await server.observer.resume();
    world.mounts.set("newest", { epoch: 3, leases: 0, due: [] });
    await world.run(server, 1);
    world.mounts.clear();
    await world.run(server, 1);
    expect((await server.observer.status()).reasons).toHaveLength(3);
  });

  test("goes on with the mounts that it knows while the list of them is away, and fails where all is", async () => {
    server.observer.doubt();
    world.away.add(mountsList).add("kv");
    await world.run(server, 1);
    expect([server.observer.mayClaim("aws"), server.observer.mayClaim("kv")]).toEqual([true, false]);
    world.setEpoch("aws", 5);
    await world.run(server, 1);
    expect(server.observer.isObserving()).toBe(true);
    world.away.add("aws");
    await expect(server.observer.check()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("goes on observing where the storage is exchanged once more, and with it what a person said before", async () => {
    world.mounts.clear();
    await world.run(server, 1);
    await world.marks.noteResume(world.clock.nowMs() - 50_000);
    world.mounts.set("aws", { epoch: 90, leases: 4, due: ["aws/creds/a/1"] });
    await world.run(server, 2);
    expect(server.observer.isObserving()).toBe(true);
    await server.observer.resume();
    expect(server.observer.isObserving()).toBe(false);
  });

  test("observes where a mount is missing that nobody unmounted", async () => {
    world.mounts.delete("kv");
    await world.run(server, 1);
    expect((await server.observer.status()).reasons).toEqual([expect.stringContaining('Mount "kv"')]);
  });

  test("finds nothing odd where a mount was unmounted", async () => {
    await world.marks.noteUnmount("kv");
    world.setEpoch("kv", 0);
    await world.run(server, 1);
    world.mounts.delete("kv");
    await world.run(server, 1);
    expect(server.notices).toEqual([]);
  });

  test("takes the word of a person who said go before it saw what happened", async () => {
    await world.clock.advance(1000);
    world.setEpoch("aws", 5);
    await world.create().observer.resume();
    await world.run(server, 1);
    expect(server.observer.isObserving()).toBe(false);
    world.setEpoch("aws", 4);
    await world.run(server, 1);
    expect(server.observer.isObserving()).toBe(true);
  });

  test("ends observing on all servers when a person says go on one of them", async () => {
    const other = world.create();
    await other.observer.start();
    world.setEpoch("aws", 5);
    world.mounts.delete("kv");
    await world.run(server, 1);
    await world.run(other, 1);
    expect([server, other].map(({ observer }) => observer.isObserving())).toEqual([true, true]);
    await other.observer.resume();
    await world.run(server, 1);
    expect([server, other].map(({ observer }) => observer.isObserving())).toEqual([false, false]);
    await world.run(server, 5);
    await world.run(other, 5);
    expect([server, other].map(({ observer }) => observer.mayClaim("aws"))).toEqual([true, true]);
  });

  test("stays as it is where the storage is away when a person says go", async () => {
    world.setEpoch("aws", 5);
    await world.run(server, 1);
    world.storage.setAvailable(false);
    await expect(server.observer.resume()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(server.observer.isObserving()).toBe(true);
    world.storage.setAvailable(true);
    await server.observer.resume();
    expect(server.observer.isObserving()).toBe(false);
  });
});
