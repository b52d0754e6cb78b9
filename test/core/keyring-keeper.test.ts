import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { createBarrier } from "../../src/core/barrier.ts";
import {
  createKeyringKeeper,
  guardBarrier,
  type KeyringKeeper,
  type KeyringNotice,
} from "../../src/core/keyring-keeper.ts";
import { openKeyring } from "../../src/core/open-keyring.ts";
import { createCoreHarness } from "../kit/core-harness.ts";
import { createManualClock } from "../kit/manual-clock.ts";
import { createMemoryStorage, type MemoryStorage } from "../kit/memory-storage.ts";

const rootKey = randomBytes(32);
const place = { key: "place", field: "value", schema: 1 };
const another = new Uint8Array(randomBytes(60));
const unavailable = { code: "STORAGE_UNAVAILABLE" };

let notices: KeyringNotice[];

/** Opens the keyring of a storage, and keeps it. */
async function keep(storage: MemoryStorage): Promise<{ wrapped: Uint8Array; keeper: KeyringKeeper }> {
  const keyring = await openKeyring(storage, rootKey);
  const barrier = createBarrier(keyring);
  const tell = (notice: KeyringNotice) => void notices.push(notice);
  const keeper = createKeyringKeeper({
    ...{ storage, keyring, rootKey, barrier, tell },
    clock: createManualClock(),
  });
  return { wrapped: keyring.wrapped, keeper };
}

beforeEach(() => {
  notices = [];
});

describe("a keyring keeper", () => {
  test("leaves alone what is there, and writes again what is not", async () => {
    const storage = createMemoryStorage();
    const { wrapped, keeper } = await keep(storage);
    await keeper.check();
    expect(notices).toEqual([]);
    storage.exchangeKeyring(undefined);
    await keeper.check();
    expect(await storage.readKeyring()).toEqual(wrapped);
    expect(notices).toEqual(["writtenAgain"]);
    const sealed = createBarrier(await openKeyring(storage, rootKey)).seal(Buffer.from("x"), place);
    expect(createBarrier(await openKeyring(storage, rootKey)).open(sealed, place)).toEqual(Buffer.from("x"));
  });

  test("agrees with another server that works with the same, whoever writes it again", async () => {
    const storage = createMemoryStorage();
    const [one, other] = [await keep(storage), await keep(storage)];
    storage.exchangeKeyring(undefined);
    await Promise.all([one.keeper.check(), other.keeper.check()]);
    await Promise.all([one.keeper.check(), other.keeper.check()]);
    expect([one.keeper.isOurs(), other.keeper.isOurs()]).toEqual([true, true]);
    expect(notices).toEqual(["writtenAgain"]);
  });

  test("seals nothing while another one stands there, does not touch that, and tells of it once", async () => {
    const storage = createMemoryStorage();
    const { wrapped, keeper } = await keep(storage);
    const barrier = guardBarrier(createBarrier(await openKeyring(storage, rootKey)), keeper);
    const before = barrier.seal(Buffer.from("x"), place);
    storage.exchangeKeyring(another);
    await keeper.check();
    await keeper.check();
    expect(await storage.readKeyring()).toEqual(another);
    expect(() => barrier.seal(Buffer.from("x"), place)).toThrow("Restart this server");
    expect(barrier.open(before, place)).toEqual(Buffer.from("x"));
    storage.exchangeKeyring(wrapped);
    await keeper.check();
    expect(barrier.open(barrier.seal(Buffer.from("y"), place), place)).toEqual(Buffer.from("y"));
    expect(notices).toEqual(["replaced", "back"]);
  });

  test("changes its mind about nothing while the storage is away", async () => {
    const storage = createMemoryStorage();
    const { keeper } = await keep(storage);
    storage.setAvailable(false);
    await expect(keeper.check()).rejects.toMatchObject(unavailable);
    expect(keeper.isOurs()).toBe(true);
  });
});

describe("a server whose keyring was replaced", () => {
  test("refuses every call and claims nothing, until its own is back", async () => {
    const harness = createCoreHarness();
    const { wrapped, keeper } = await keep(harness.storage);
    const server = await harness.start({ keyring: keeper });
    await server.mount();
    await server.issue(undefined, { ttl: "10s" });
    harness.storage.exchangeKeyring(another);
    await harness.clock.advance(1100);
    await expect(server.call("listMounts", {})).rejects.toMatchObject(unavailable);
    await expect(server.call("listMounts", {}, { token: "wrong" })).rejects.toMatchObject({
      code: "UNAUTHENTICATED",
    });
    await harness.clock.advance(20_000);
    expect(server.plug.calls).not.toContain("claim");
    harness.storage.exchangeKeyring(wrapped);
    await harness.clock.advance(3000);
    expect(harness.vendor.alive()).toEqual([]);
    await harness.stop();
  });

  test("writes it again at once where it is missing after the storage was away", async () => {
    const harness = createCoreHarness();
    const { wrapped, keeper } = await keep(harness.storage);
    const server = await harness.start({ keyring: keeper });
    server.core.storageLost();
    harness.storage.exchangeKeyring(undefined);
    server.core.storageBack();
    await harness.clock.advance(100);
    expect(harness.storage.values().get("keyring")).toEqual(wrapped);
    await harness.stop();
  });
});
