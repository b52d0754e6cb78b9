import { beforeEach, describe, expect, test } from "vitest";
import { createObservedWorld, type ObservedWorld, type ObservingServer } from "../kit/observed-world.ts";

let world: ObservedWorld;

beforeEach(() => {
  world = createObservedWorld();
  world.mounts.set("aws", { epoch: 100, leases: 4, due: [] });
  world.mounts.set("kv", { epoch: 7, leases: 0, due: [] });
});

/** Checks every second for a while, as a server does. */
async function run(
  { observer }: ObservingServer,
  seconds: number,
  each: () => void = () => {},
): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    each();
    await observer.check();
    await world.clock.advance(1000);
  }
}

function setEpoch(accessor: string, epoch: number): void {
  const mount = world.mounts.get(accessor);
  if (mount) mount.epoch = epoch;
}

/** A memory as a server leaves it that has seen the mounts as they are. */
async function rememberNow() {
  const memory = world.createMemory();
  const server = world.create({ memory });
  await server.observer.start();
  await server.observer.stop();
  await world.clock.advance(60_000);
  return memory;
}

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
    await run(server, 125);
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
    await run(second, 1);
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
    await run(second, 3);
    expect(second.observer.isObserving()).toBe(true);
  });
});

describe("an observer that starts with a memory", () => {
  test("finds nothing odd where there is none yet, and where everything went on", async () => {
    const memory = await rememberNow();
    expect(memory.written?.mounts.get("aws")).toEqual({ path: "aws", epoch: 100, leases: 4 });
    setEpoch("aws", 5000);
    world.mounts.set("new", { epoch: 1, leases: 0, due: [] });
    const server = world.create({ memory });
    await server.observer.start();
    expect(server.observer.mayClaim("aws")).toBe(true);
    expect(server.notices).toEqual([]);
  });

  test("observes where all mounts are missing", async () => {
    const memory = await rememberNow();
    world.mounts.clear();
    const server = world.create({ memory });
    await server.observer.start();
    const { isObserveOnly, reasons } = await server.observer.status();
    expect(isObserveOnly).toBe(true);
    expect(reasons).toHaveLength(2);
    expect(reasons[0]).toMatch(
      /^Mount "aws" .* with 4 leases, at 2026-01-01T00:00:00.000Z, and is missing now: Redis was emptied/,
    );
  });

  test("observes where a single change is missing, and says how many", async () => {
    const memory = await rememberNow();
    setEpoch("aws", 99);
    const server = world.create({ memory });
    await server.observer.start();
    expect((await server.observer.status()).reasons).toEqual([
      expect.stringContaining("at epoch 99 now: 1 change of it is missing"),
    ]);
    expect(server.observer.mayClaim("kv")).toBe(false);
  });

  test("observes again after a restart, as long as nobody said go", async () => {
    const memory = await rememberNow();
    setEpoch("aws", 50);
    for (let start = 0; start < 3; start++) {
      const server = world.create({ memory });
      await server.observer.start();
      setEpoch("aws", (world.mounts.get("aws")?.epoch ?? 0) + 2);
      await run(server, 10);
      await server.observer.stop();
      expect(server.observer.isObserving()).toBe(true);
    }
    expect(memory.written?.mounts.get("aws")?.epoch).toBe(100);
  });

  test("goes on after a restart once a person said go, also where it was down meanwhile", async () => {
    const [memory, memoryOfOther] = [await rememberNow(), await rememberNow()];
    setEpoch("aws", 50);
    const server = world.create({ memory });
    await server.observer.start();
    await server.observer.resume();
    expect(memory.written?.mounts.get("aws")?.epoch).toBe(50);
    await server.observer.stop();
    await world.clock.advance(60_000);
    for (const left of [memory, memoryOfOther]) {
      const next = world.create({ memory: left });
      await next.observer.start();
      expect(next.observer.isObserving()).toBe(false);
    }
  });

  test("observes after a second loss, whatever a person said about the first", async () => {
    const memory = await rememberNow();
    await world.create().observer.resume();
    await world.clock.advance(1000);
    const server = world.create({ memory });
    await server.observer.start();
    await world.clock.advance(1000);
    await server.observer.stop();
    setEpoch("aws", 50);
    const next = world.create({ memory });
    await next.observer.start();
    expect(next.observer.isObserving()).toBe(true);
  });

  test("finds nothing odd where a mount was unmounted meanwhile", async () => {
    const memory = await rememberNow();
    await world.marks.noteUnmount("kv");
    world.mounts.delete("kv");
    const server = world.create({ memory });
    await server.observer.start();
    expect(server.observer.isObserving()).toBe(false);
  });

  test("writes every few seconds what has changed, once a minute anyway, and at the end", async () => {
    const memory = world.createMemory();
    const server = world.create({ memory });
    await server.observer.start();
    expect(memory.writes).toBe(1);
    let epoch = 100;
    await run(server, 30, () => setEpoch("aws", ++epoch));
    expect(memory.writes).toBeGreaterThanOrEqual(9);
    expect(memory.writes).toBeLessThanOrEqual(12);
    const before = memory.writes;
    await run(server, 130);
    expect(memory.writes - before).toBeLessThanOrEqual(3);
    expect(memory.writes - before).toBeGreaterThanOrEqual(2);
    setEpoch("aws", 999);
    await server.observer.stop();
    expect(memory.written?.mounts.get("aws")?.epoch).toBe(999);
  });

  test("tries again where a write fails", async () => {
    const memory = world.createMemory();
    const server = world.create({ memory });
    memory.setWritable(false);
    await server.observer.start();
    await run(server, 4);
    expect(memory.written).toBeUndefined();
    memory.setWritable(true);
    await run(server, 4);
    expect(memory.written?.mounts.size).toBe(2);
  });
});

describe("an observer that runs", () => {
  let server: ObservingServer;

  beforeEach(async () => {
    server = world.create();
    await server.observer.start();
    await run(server, 60, () => setEpoch("aws", (world.mounts.get("aws")?.epoch ?? 0) + 10));
  });

  test("lets nothing be claimed while nobody knows which storage came back", async () => {
    const freed = server.freed();
    server.observer.doubt();
    expect(server.observer.mayClaim("aws")).toBe(false);
    expect(server.observer.isObserving()).toBe(false);
    await run(server, 1);
    expect(server.observer.mayClaim("aws")).toBe(true);
    expect(server.freed()).toBe(freed + 1);
  });

  test("keeps its doubts of the mounts that it cannot read, and of no others", async () => {
    server.observer.doubt();
    world.away.add("kv");
    await run(server, 1);
    expect([server.observer.mayClaim("aws"), server.observer.mayClaim("kv")]).toEqual([true, false]);
    world.away.clear();
    await run(server, 1);
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
    setEpoch("aws", 690 - 50);
    await run(server, 1);
    expect(server.observer.isObserving()).toBe(false);
    expect(server.notices).toEqual([{ kind: "tailLost", reasons: [expect.stringContaining('Mount "aws"')] }]);
    await run(server, 5);
    expect(server.notices).toHaveLength(1);
  });

  test("observes where more is missing than a failover loses", async () => {
    setEpoch("aws", 690 - 250);
    await run(server, 1);
    expect(server.observer.isObserving()).toBe(true);
    expect(server.observer.mayClaim("kv")).toBe(false);
  });

  test("observes where a mount at rest went back by one", async () => {
    setEpoch("kv", 6);
    await run(server, 1);
    expect(server.observer.isObserving()).toBe(true);
  });

  test("observes where a mount is missing that nobody unmounted", async () => {
    world.mounts.delete("kv");
    await run(server, 1);
    expect((await server.observer.status()).reasons).toEqual([expect.stringContaining('Mount "kv"')]);
  });

  test("finds nothing odd where a mount was unmounted", async () => {
    await world.marks.noteUnmount("kv");
    setEpoch("kv", 0);
    await run(server, 1);
    world.mounts.delete("kv");
    await run(server, 1);
    expect(server.notices).toEqual([]);
  });

  test("takes the word of a person who said go before it saw what happened", async () => {
    await world.clock.advance(1000);
    setEpoch("aws", 5);
    await world.create().observer.resume();
    await run(server, 1);
    expect(server.observer.isObserving()).toBe(false);
    setEpoch("aws", 4);
    await run(server, 1);
    expect(server.observer.isObserving()).toBe(true);
  });

  test("ends observing on all servers when a person says go on one of them", async () => {
    const other = world.create();
    await other.observer.start();
    setEpoch("aws", 5);
    world.mounts.delete("kv");
    await run(server, 1);
    await run(other, 1);
    expect([server, other].map(({ observer }) => observer.isObserving())).toEqual([true, true]);
    await other.observer.resume();
    await run(server, 1);
    expect([server, other].map(({ observer }) => observer.isObserving())).toEqual([false, false]);
    await run(server, 5);
    await run(other, 5);
    expect([server, other].map(({ observer }) => observer.mayClaim("aws"))).toEqual([true, true]);
  });

  test("stays as it is where the storage is away when a person says go", async () => {
    setEpoch("aws", 5);
    await run(server, 1);
    world.storage.setAvailable(false);
    await expect(server.observer.resume()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(server.observer.isObserving()).toBe(true);
    world.storage.setAvailable(true);
    await server.observer.resume();
    expect(server.observer.isObserving()).toBe(false);
  });
});
