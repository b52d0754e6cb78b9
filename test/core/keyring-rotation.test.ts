import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { createBarrier, type RenewableBarrier } from "../../src/core/barrier.ts";
import { WrongRootKeyError } from "../../src/core/keyring.ts";
import {
  createKeyringKeeper,
  guardBarrier,
  type KeyringKeeper,
  type KeyringNotice,
} from "../../src/core/keyring-keeper.ts";
import { openKeyring } from "../../src/core/open-keyring.ts";
import { ageMaxMs, rekeyRestMs, sealsMax, sealsWithinMs } from "../../src/core/rotation-rule.ts";
import { createManualClock, type ManualClock } from "../kit/manual-clock.ts";
import { createMemoryStorage, type MemoryStorage } from "../kit/memory-storage.ts";

const place = { key: "here", field: "value", schema: 1 };
const plain = Buffer.from("a handle");
const calm = new AbortController().signal;

/** What runs of one server's keys. */
interface Keys {
  readonly barrier: RenewableBarrier;
  readonly keeper: KeyringKeeper;
  readonly notices: KeyringNotice[];
  /** What its barrier says it has sealed, where the test wants another number. */
  seals: number | undefined;
}

let clock: ManualClock;
let storage: MemoryStorage;
let rootKey: Uint8Array;

beforeEach(() => {
  clock = createManualClock();
  storage = createMemoryStorage();
  rootKey = new Uint8Array(randomBytes(32));
});

async function start(withKey = rootKey): Promise<Keys> {
  const keyring = await openKeyring(storage, withKey, clock.nowMs());
  const barrier = createBarrier(keyring);
  const notices: KeyringNotice[] = [];
  const keys: Keys = {
    barrier,
    notices,
    seals: undefined,
    keeper: createKeyringKeeper({
      ...{ storage, keyring, clock, rootKey: withKey, tell: (notice) => void notices.push(notice) },
      barrier: { adopt: barrier.adopt, seals: () => keys.seals ?? barrier.seals() },
    }),
  };
  return keys;
}

const seal = ({ barrier, keeper }: Keys) => guardBarrier(barrier, keeper).seal(plain, place);
const termOf = (sealed: Uint8Array) => Buffer.from(sealed).readUInt32BE(1);
const opens = ({ barrier }: Keys, sealed: Uint8Array) =>
  Buffer.compare(barrier.open(sealed, place), plain) === 0;

/** Has servers look once a second, as they do. */
async function look(servers: readonly Keys[], seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await clock.advance(1000);
    await Promise.all(servers.map(({ keeper }) => keeper.check()));
  }
}

/** Has one server rotate while all of them look. */
async function rotate(server: Keys, servers: readonly Keys[]): Promise<number> {
  const rotating = server.keeper.rotate(calm);
  await look(servers, 6);
  return (await rotating).term;
}

describe("a rotation", () => {
  test("has every server seal with a new data key, and keeps what the earlier ones open", async () => {
    const [one, other] = [await start(), await start()];
    const before = seal(one);
    expect(await rotate(one, [one, other])).toBe(2);
    const [byOne, byOther] = [seal(one), seal(other)];
    expect([before, byOne, byOther].map(termOf)).toEqual([1, 2, 2]);
    for (const server of [one, other, await start()])
      expect([before, byOne, byOther].every((sealed) => opens(server, sealed))).toBe(true);
    expect([one.notices, other.notices]).toEqual([["rotated"], ["rotated"]]);
  });

  test("lets no server seal with a key that another one, which looks every second, does not have yet", async () => {
    const servers = [await start(), await start(), await start()] as const;
    const [first] = servers;
    const rotating = first.keeper.rotate(calm);
    for (let second = 0; second < 8; second++) {
      await clock.advance(1000);
      // They look one after the other, and each seals before the next has looked.
      for (const server of servers) {
        await server.keeper.check();
        const sealed = seal(server);
        expect(
          servers.every((any) => opens(any, sealed)),
          `second ${second}`,
        ).toBe(true);
        expect(opens(await start(), sealed)).toBe(true);
      }
    }
    expect((await rotating).term).toBe(2);
    expect(servers.map((server) => termOf(seal(server)))).toEqual([2, 2, 2]);
  });

  test("that two servers begin at once makes one new key, and a second one another", async () => {
    const [one, other] = [await start(), await start()];
    const rotating = Promise.all([one.keeper.rotate(calm), other.keeper.rotate(calm)]);
    await look([one, other], 6);
    expect((await rotating).map(({ term }) => term)).toEqual([2, 2]);
    expect(await rotate(other, [one, other])).toBe(3);
    // Of this one the others have not heard yet.
    const third = one.keeper.rotate(calm);
    await clock.advance(5000);
    const fourth = other.keeper.rotate(calm);
    await clock.advance(5000);
    expect([(await third).term, (await fourth).term]).toEqual([4, 5]);
  });

  test("comes to its end when the server that began it dies, or its caller gives up", async () => {
    const [one, other] = [await start(), await start()];
    const caller = new AbortController();
    const rotating = one.keeper.rotate(caller.signal);
    await clock.advance(500);
    caller.abort(new Error("The caller hung up."));
    await expect(rotating).rejects.toThrow("hung up");
    await look([other], 6);
    expect(termOf(seal(other))).toBe(2);
  });

  test.each(["before", "after"] as const)(
    "survives that the storage is lost %s the keyring is written",
    async (when) => {
      const [one, other] = [await start(), await start()];
      storage.breakNext("replaceKeyring", when);
      await expect(one.keeper.rotate(calm)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
      expect(await rotate(one, [one, other])).toBe(2);
      expect([one, other].map(seal).every((sealed) => opens(one, sealed) && opens(other, sealed))).toBe(true);
    },
  );

  test("is done again by nobody where Redis falls back to the keyring from before it: the later one is written again", async () => {
    const [one, other] = [await start(), await start()];
    const before = await storage.readKeyring();
    await rotate(one, [one, other]);
    const sealed = seal(one);
    storage.exchangeKeyring(before);
    await look([other], 1);
    expect(other.notices).toEqual(["rotated", "writtenAgain"]);
    expect(opens(await start(), sealed)).toBe(true);
  });

  test("comes by itself at half the number of seals that one key allows, counted over all servers and restarts", async () => {
    for (let run = 0; run < 3; run++) {
      const server = await start();
      server.seals = sealsMax / 4;
      await look([server], 2);
      expect(termOf(seal(server))).toBe(1);
    }
    const [one, other] = [await start(), await start()];
    await clock.advance(sealsWithinMs);
    one.seals = sealsMax / 4;
    await look([one, other], 1);
    one.seals = undefined;
    await look([one, other], 6);
    expect([one, other].map((server) => termOf(seal(server)))).toEqual([2, 2]);
    await look([one, other], 60);
    expect(termOf(seal(one))).toBe(2);
  });

  test("comes no sooner than anybody can have sealed so often, whatever somebody wrote into Redis", async () => {
    const server = await start();
    for (let term = 1; term <= 5; term++) await storage.countSeals(term, 2 * sealsMax);
    seal(server);
    await look([server], 20);
    expect(termOf(seal(server))).toBe(1);
    await clock.advance(sealsWithinMs);
    await look([server], 20);
    expect(termOf(seal(server))).toBe(2);
    await look([server], 20);
    expect(termOf(seal(server))).toBe(2);
  });

  test("comes by itself after ninety days, once", async () => {
    const [one, other] = [await start(), await start()];
    await clock.advance(ageMaxMs - 10_000);
    await look([one, other], 8);
    expect(termOf(seal(one))).toBe(1);
    await look([one, other], 10);
    expect([one, other].map((server) => termOf(seal(server)))).toEqual([2, 2]);
    await look([one, other], 20);
    expect(one.notices).toEqual(["rotated"]);
  });
});

describe("a rekey", () => {
  test("has a later start need the new root key, while all servers that run go on", async () => {
    const [one, other] = [await start(), await start()];
    const newRootKey = new Uint8Array(randomBytes(32));
    await one.keeper.rekey(newRootKey);
    await look([one, other], 2);
    const sealed = [one, other].map(seal);
    expect([one.notices, other.notices]).toEqual([[], ["rekeyed"]]);
    await expect(start(rootKey)).rejects.toThrow(WrongRootKeyError);
    const restarted = await start(newRootKey);
    expect(sealed.every((value) => opens(restarted, value))).toBe(true);
    expect(opens(one, seal(restarted))).toBe(true);
  });

  test("leaves nothing in the storage by which the earlier root key opens anything", async () => {
    const one = await start();
    await one.keeper.rekey(new Uint8Array(randomBytes(32)));
    const stored = (await storage.readKeyring()) ?? new Uint8Array();
    const others = [...storage.values().keys()].filter((name) => name !== "keyring");
    expect(others).toEqual([]);
    await expect(start(rootKey)).rejects.toThrow(WrongRootKeyError);
    expect(stored.length).toBeLessThan(160);
  });

  test("may be asked for again with the same key, as after an answer that was lost", async () => {
    const one = await start();
    const newRootKey = new Uint8Array(randomBytes(32));
    storage.breakNext("replaceKeyring", "after");
    await expect(one.keeper.rekey(newRootKey)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await one.keeper.rekey(newRootKey);
    await one.keeper.rekey(newRootKey);
    expect(one.keeper.isOurs()).toBe(true);
    expect(termOf(seal(await start(newRootKey)))).toBe(1);
  });

  test("is followed by a rotation on servers that have the new root key; the others stop sealing, and say why", async () => {
    const [one, behind] = [await start(), await start()];
    const newRootKey = new Uint8Array(randomBytes(32));
    await one.keeper.rekey(newRootKey);
    await look([one, behind], 1);
    await expect(behind.keeper.rotate(calm)).rejects.toMatchObject({ code: "NOT_CONFIGURED" });
    const restarted = await start(newRootKey);
    await rotate(restarted, [one, restarted, behind]);
    expect([one, restarted].map((server) => termOf(seal(server)))).toEqual([2, 2]);
    expect(behind.notices).toEqual(["rekeyed", "replaced"]);
    expect(() => seal(behind)).toThrow("Restart this server");
  });

  test("holds back a rotation that is due by age alone for a week, for the servers that are restarted one by one", async () => {
    const [one, behind] = [await start(), await start()];
    await clock.advance(ageMaxMs - 60_000);
    await one.keeper.rekey(new Uint8Array(randomBytes(32)));
    await look([one, behind], 120);
    expect(termOf(seal(one))).toBe(1);
    await clock.advance(rekeyRestMs);
    await look([one], 8);
    expect(termOf(seal(one))).toBe(2);
  });

  test("may follow a rotation at once, on a server that has not heard of its end", async () => {
    const [one, other] = [await start(), await start()];
    const rotating = one.keeper.rotate(calm);
    await look([other], 1);
    await clock.advance(4000);
    await rotating;
    await other.keeper.rekey(new Uint8Array(randomBytes(32)));
    expect(termOf(seal(other))).toBe(2);
  });

  test("waits for a rotation under way: what is left of it could not be followed", async () => {
    const one = await start();
    const rotating = one.keeper.rotate(calm);
    await clock.advance(100);
    await expect(one.keeper.rekey(new Uint8Array(randomBytes(32)))).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
      message: expect.stringContaining("rotation of the data key is under way"),
    });
    await look([one], 6);
    await rotating;
    await one.keeper.rekey(new Uint8Array(randomBytes(32)));
  });

  test("that Redis forgets is written again by a server that followed it", async () => {
    const [one, other] = [await start(), await start()];
    const before = await storage.readKeyring();
    const newRootKey = new Uint8Array(randomBytes(32));
    await one.keeper.rekey(newRootKey);
    await look([other], 1);
    storage.exchangeKeyring(before);
    await look([other], 1);
    expect(other.notices).toEqual(["rekeyed", "writtenAgain"]);
    expect(opens(await start(newRootKey), seal(other))).toBe(true);
  });

  test("hinders a rotation that is due on a server without the new key, which says so once", async () => {
    const [one, behind] = [await start(), await start()];
    await one.keeper.rekey(new Uint8Array(randomBytes(32)));
    await look([behind], 1);
    await clock.advance(sealsWithinMs);
    behind.seals = sealsMax;
    await look([behind], 3);
    expect(behind.notices).toEqual(["rekeyed", "rotationHindered"]);
    expect(termOf(seal(behind))).toBe(1);
  });

  test("cannot be forged by whoever writes Redis and has no data key", async () => {
    const one = await start();
    const foreign = createMemoryStorage();
    await openKeyring(foreign, new Uint8Array(randomBytes(32)));
    storage.exchangeKeyring(await foreign.readKeyring());
    await look([one], 1);
    expect(one.notices).toEqual(["replaced"]);
    expect(() => seal(one)).toThrow("Restart this server");
  });
});
