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
    expect(memory.written?.mounts.get("aws")).toEqual({
      ...{ path: "aws", epoch: 100, settledEpoch: 100, leases: 4 },
    });
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

  test("goes on where what is missing was made in the last seconds before it was written down", async () => {
    const memory = world.createMemory();
    const first = world.create({ memory });
    await first.observer.start();
    let epoch = 100;
    await run(first, 30, () => setEpoch("aws", ++epoch));
    world.mounts.set("new", { epoch: 3, leases: 0, due: [] });
    await run(first, 4);
    setEpoch("aws", 127);
    world.mounts.delete("new");
    const second = world.create({ memory });
    await second.observer.start();
    expect(second.observer.mayClaim("aws")).toBe(true);
    expect(second.notices).toEqual([{ kind: "tailLost", reasons: [expect.anything(), expect.anything()] }]);
    setEpoch("aws", 99);
    const third = world.create({ memory });
    await third.observer.start();
    expect(third.observer.isObserving()).toBe(true);
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

  test("observes after a restart though requests have raised the epochs past what is missing", async () => {
    const memory = await rememberNow();
    setEpoch("aws", 50);
    let { reasons, observingSinceMs } = { reasons: ["none"] as readonly string[], observingSinceMs: 0 };
    for (let start = 0; start < 3; start++) {
      const server = world.create({ memory, isAsked: start === 1 });
      await server.observer.start();
      const status = await server.observer.status();
      expect(status.isObserveOnly).toBe(true);
      expect(server.observer.mayClaim("kv")).toBe(false);
      if (start === 0) ({ reasons, observingSinceMs = 0 } = status);
      expect(status.reasons.slice(-1)).toEqual(reasons);
      expect(status.observingSinceMs).toBe(observingSinceMs);
      expect(server.notices.slice(-2).map(({ kind }) => kind)).toEqual(["began", "waiting"]);
      setEpoch("aws", 5000 + start);
      // It is killed at one of the ends.
      if (start === 1) await server.observer.stop();
      await world.clock.advance(60_000);
    }
    const last = world.create({ memory });
    await last.observer.start();
    expect((await last.observer.status()).reasons).toEqual(reasons);
  });

  test("writes down that it observes as soon as it does, and until it is done", async () => {
    const memory = world.createMemory();
    const server = world.create({ memory });
    await server.observer.start();
    await run(server, 2);
    setEpoch("aws", 50);
    memory.setWritable(false);
    await run(server, 1);
    expect(memory.written?.observing).toBeUndefined();
    memory.setWritable(true);
    await run(server, 4);
    expect(memory.written).toMatchObject({ observing: { reasons: [expect.anything()], resumedBeforeMs: 0 } });
    const before = memory.writes;
    await run(server, 130, () => setEpoch("aws", (world.mounts.get("aws")?.epoch ?? 0) + 1));
    expect(memory.writes).toBe(before);
    expect(memory.written?.mounts.get("aws")).toMatchObject({ epoch: 100, leases: 4 });
    await server.observer.resume();
    expect(memory.written?.observing).toBeUndefined();
    expect(memory.written?.mounts.get("aws")?.epoch).toBe(180);
  });

  test("goes on where a person said go to another server while it was down, whatever it had written down", async () => {
    const memory = await rememberNow();
    setEpoch("aws", 50);
    await world.create({ memory }).observer.start();
    expect(memory.written?.observing).toBeDefined();
    await world.clock.advance(60_000);
    // Without a memory, it knows of no loss.
    const other = world.create();
    await other.observer.start();
    expect(other.observer.isObserving()).toBe(false);
    await other.observer.resume();
    await world.clock.advance(60_000);
    const next = world.create({ memory });
    await next.observer.start();
    expect(next.observer.mayClaim("aws")).toBe(true);
    expect(next.notices).toEqual([]);
    expect(memory.written?.observing).toBeUndefined();
    expect(memory.written?.mounts.get("aws")).toMatchObject({ epoch: 50, leases: 4 });
  });

  test("hears another server's go after a restart, though the storage's clock went back by an hour", async () => {
    const memory = await rememberNow();
    setEpoch("aws", 50);
    await world.create({ memory }).observer.start();
    const { written } = memory;
    if (!written?.observing) throw new Error("It must have written down that it observes.");
    const observing = { ...written.observing, sinceMs: written.observing.sinceMs + 3_600_000 };
    await memory.write({ ...written, observing });
    const next = world.create({ memory });
    await next.observer.start();
    expect(next.observer.isObserving()).toBe(true);
    await world.clock.advance(5000);
    await world.create().observer.resume();
    await run(next, 1);
    expect(next.observer.isObserving()).toBe(false);
  });

  test("goes on observing after a restart where what a person had said was said before the loss", async () => {
    const memory = await rememberNow();
    await world.create().observer.resume();
    await world.clock.advance(1000);
    const server = world.create({ memory });
    await server.observer.start();
    await run(server, 2);
    setEpoch("aws", 50);
    await run(server, 1);
    setEpoch("aws", 5000);
    const next = world.create({ memory });
    await next.observer.start();
    expect(next.observer.isObserving()).toBe(true);
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

  test("goes on where a mount lost its last second that was made after the server's start", async () => {
    // Found only now, with all of its changes.
    world.mounts.set("new", { epoch: 9, leases: 2, due: [] });
    await run(server, 1);
    setEpoch("new", 7);
    await run(server, 2);
    expect(server.observer.mayClaim("new")).toBe(true);
    expect(server.notices).toEqual([{ kind: "tailLost", reasons: [expect.stringContaining('Mount "new"')] }]);
    world.mounts.delete("new");
    await run(server, 1);
    expect(server.observer.mayClaim("aws")).toBe(true);
    expect(server.notices.at(-1)).toEqual({
      kind: "tailLost",
      reasons: [expect.stringContaining("was new with")],
    });
  });

  test("observes where a mount goes back that was made longer ago, or everything is gone", async () => {
    world.mounts.set("new", { epoch: 9, leases: 2, due: [] });
    await run(server, 13);
    setEpoch("new", 7);
    await run(server, 1);
    expect((await server.observer.status()).reasons).toEqual([expect.stringContaining('Mount "new"')]);
    await server.observer.resume();
    world.mounts.set("newest", { epoch: 3, leases: 0, due: [] });
    await run(server, 1);
    world.mounts.clear();
    await run(server, 1);
    expect((await server.observer.status()).reasons).toHaveLength(3);
  });

  test("goes on with the mounts that it knows while the list of them is away, and fails where all is", async () => {
    server.observer.doubt();
    world.away.add(mountsList).add("kv");
    await run(server, 1);
    expect([server.observer.mayClaim("aws"), server.observer.mayClaim("kv")]).toEqual([true, false]);
    setEpoch("aws", 5);
    await run(server, 1);
    expect(server.observer.isObserving()).toBe(true);
    world.away.add("aws");
    await expect(server.observer.check()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("goes on observing where the storage is exchanged once more, and with it what a person said before", async () => {
    world.mounts.clear();
    await run(server, 1);
    await world.marks.noteResume(world.clock.nowMs() - 50_000);
    world.mounts.set("aws", { epoch: 90, leases: 4, due: ["aws/creds/a/1"] });
    await run(server, 2);
    expect(server.observer.isObserving()).toBe(true);
    await server.observer.resume();
    expect(server.observer.isObserving()).toBe(false);
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
