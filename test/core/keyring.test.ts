import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  keyOfTerm,
  openKeyring,
  unwrapKeyring,
  WrongRootKeyError,
  wrapKeyring,
} from "../../src/core/keyring.ts";
import { createMemoryStorage } from "../kit/memory-storage.ts";

const rootKey = randomBytes(32);
const keysOf = (keyring: { readonly keys: ReadonlyMap<number, Uint8Array> }) =>
  [...keyring.keys].map(([term, key]) => [term, Buffer.from(key).toString("hex")]);

describe("openKeyring()", () => {
  test("makes a keyring where there is none, and opens the same one from then on", async () => {
    const storage = createMemoryStorage();
    const made = await openKeyring(storage, rootKey);
    expect(made.activeTerm).toBe(1);
    expect(keysOf(await openKeyring(storage, rootKey))).toEqual(keysOf(made));
  });

  test("refuses another root key, and leaves the stored keyring as it is", async () => {
    const storage = createMemoryStorage();
    await openKeyring(storage, rootKey);
    const before = storage.values().get("keyring");
    await expect(openKeyring(storage, randomBytes(32))).rejects.toThrow(WrongRootKeyError);
    expect(storage.values().get("keyring")).toEqual(before);
  });

  test("gives two servers that start at once the same keyring", async () => {
    const storage = createMemoryStorage();
    const [one, other] = await Promise.all([openKeyring(storage, rootKey), openKeyring(storage, rootKey)]);
    expect(keysOf(one)).toEqual(keysOf(other));
  });

  test("opens the keyring that it made where the reply was lost", async () => {
    const storage = createMemoryStorage();
    storage.breakNext("createKeyring", "after");
    await expect(openKeyring(storage, rootKey)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect((await openKeyring(storage, rootKey)).activeTerm).toBe(1);
  });

  test("gives up where the storage neither has a keyring nor takes one", async () => {
    const storage = { ...createMemoryStorage(), createKeyring: async () => false };
    await expect(openKeyring(storage, rootKey)).rejects.toThrow("neither there nor can it be made");
  });
});

describe("a wrapped keyring", () => {
  const keyring = {
    activeTerm: 7,
    keys: new Map([
      [3, randomBytes(32)],
      [7, randomBytes(32)],
    ]),
  };

  test("comes back whole", () => {
    const opened = unwrapKeyring(wrapKeyring(keyring, rootKey), rootKey);
    expect(opened.activeTerm).toBe(7);
    expect(keysOf(opened)).toEqual(keysOf(keyring));
  });

  test.each([0, 27, 40])("does not open where only %i bytes of it are left", (length) => {
    expect(() => unwrapKeyring(wrapKeyring(keyring, rootKey).subarray(0, length), rootKey)).toThrow(
      WrongRootKeyError,
    );
  });

  test("tells that it has no key of a term", () => {
    expect(keyOfTerm(keyring, 3)).toBe(keyring.keys.get(3));
    expect(() => keyOfTerm(keyring, 4)).toThrow("The keyring has no key of term 4.");
  });
});
