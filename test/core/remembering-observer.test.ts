import { beforeEach, describe, expect, test } from "vitest";
import { createObservedWorld, type ObservedWorld } from "../kit/observed-world.ts";

let world: ObservedWorld;

beforeEach(() => {
  world = createObservedWorld();
  world.mounts.set("aws", { epoch: 100, leases: 4, due: [] });
  world.mounts.set("kv", { epoch: 7, leases: 0, due: [] });
});

/** A memory as a server leaves it that has seen the mounts as they are. */
async function rememberNow() {
  const memory = world.createMemory();
  const server = world.create({ memory });
  await server.observer.start();
  await server.observer.stop();
  await world.clock.advance(60_000);
  return memory;
}

describe("an observer that starts with a memory", () => {
  test("finds nothing odd where there is none yet, and where everything went on", async () => {
    const memory = await rememberNow();
    expect(memory.written?.mounts.get("aws")).toEqual({
      ...{ path: "aws", epoch: 100, settledEpoch: 100, leases: 4 },
    });
    world.setEpoch("aws", 5000);
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
    world.setEpoch("aws", 99);
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
    await world.run(first, 30, () => world.setEpoch("aws", ++epoch));
    world.mounts.set("new", { epoch: 3, leases: 0, due: [] });
    await world.run(first, 4);
    world.setEpoch("aws", 127);
    world.mounts.delete("new");
    const second = world.create({ memory });
    await second.observer.start();
    expect(second.observer.mayClaim("aws")).toBe(true);
    expect(second.notices).toEqual([{ kind: "tailLost", reasons: [expect.anything(), expect.anything()] }]);
    world.setEpoch("aws", 99);
    const third = world.create({ memory });
    await third.observer.start();
    expect(third.observer.isObserving()).toBe(true);
  });

  test("observes again after a restart, as long as nobody said go", async () => {
    const memory = await rememberNow();
    world.setEpoch("aws", 50);
    for (let start = 0; start < 3; start++) {
      const server = world.create({ memory });
      await server.observer.start();
      world.setEpoch("aws", (world.mounts.get("aws")?.epoch ?? 0) + 2);
      await world.run(server, 10);
      await server.observer.stop();
      expect(server.observer.isObserving()).toBe(true);
    }
    expect(memory.written?.mounts.get("aws")?.epoch).toBe(100);
  });

  test("observes after a restart though requests have raised the epochs past what is missing", async () => {
    const memory = await rememberNow();
    world.setEpoch("aws", 50);
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
      world.setEpoch("aws", 5000 + start);
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
    await world.run(server, 2);
    world.setEpoch("aws", 50);
    memory.setWritable(false);
    await world.run(server, 1);
    expect(memory.written?.observing).toBeUndefined();
    memory.setWritable(true);
    await world.run(server, 4);
    expect(memory.written).toMatchObject({ observing: { reasons: [expect.anything()], resumedBeforeMs: 0 } });
    const before = memory.writes;
    await world.run(server, 130, () => world.setEpoch("aws", (world.mounts.get("aws")?.epoch ?? 0) + 1));
    expect(memory.writes).toBe(before);
    expect(memory.written?.mounts.get("aws")).toMatchObject({ epoch: 100, leases: 4 });
    await server.observer.resume();
    expect(memory.written?.observing).toBeUndefined();
    expect(memory.written?.mounts.get("aws")?.epoch).toBe(180);
  });

  test("goes on where a person said go to another server while it was down, whatever it had written down", async () => {
    const memory = await rememberNow();
    world.setEpoch("aws", 50);
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
    world.setEpoch("aws", 50);
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
    await world.run(next, 1);
    expect(next.observer.isObserving()).toBe(false);
  });

  test("goes on observing after a restart where what a person had said was said before the loss", async () => {
    const memory = await rememberNow();
    await world.create().observer.resume();
    await world.clock.advance(1000);
    const server = world.create({ memory });
    await server.observer.start();
    await world.run(server, 2);
    world.setEpoch("aws", 50);
    await world.run(server, 1);
    world.setEpoch("aws", 5000);
    const next = world.create({ memory });
    await next.observer.start();
    expect(next.observer.isObserving()).toBe(true);
  });

  test("goes on after a restart once a person said go, also where it was down meanwhile", async () => {
    const [memory, memoryOfOther] = [await rememberNow(), await rememberNow()];
    world.setEpoch("aws", 50);
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
    world.setEpoch("aws", 50);
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
    await world.run(server, 30, () => world.setEpoch("aws", ++epoch));
    expect(memory.writes).toBeGreaterThanOrEqual(9);
    expect(memory.writes).toBeLessThanOrEqual(12);
    const before = memory.writes;
    await world.run(server, 130);
    expect(memory.writes - before).toBeLessThanOrEqual(3);
    expect(memory.writes - before).toBeGreaterThanOrEqual(2);
    world.setEpoch("aws", 999);
    await server.observer.stop();
    expect(memory.written?.mounts.get("aws")?.epoch).toBe(999);
  });

  test("tries again where a write fails", async () => {
    const memory = world.createMemory();
    const server = world.create({ memory });
    memory.setWritable(false);
    await server.observer.start();
    await world.run(server, 4);
    expect(memory.written).toBeUndefined();
    memory.setWritable(true);
    await world.run(server, 4);
    expect(memory.written?.mounts.size).toBe(2);
  });
});
