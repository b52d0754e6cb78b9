import { createCipheriv, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type DatedKeyring, keyOfTerm, WrongRootKeyError } from "../../src/core/keyring.ts";
import { isProvenSame, storedGeneration, unwrapKeyring, wrapKeyring } from "../../src/core/keyring-format.ts";
import { openKeyring } from "../../src/core/open-keyring.ts";
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
  const keyring: DatedKeyring = {
    generation: 4,
    rekeyedAtMs: 1_786_000_000_000,
    createdAtMs: new Map([
      [3, 0],
      [7, 1_786_000_000_123],
    ]),
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
    expect(opened).toMatchObject({ generation: 4, rekeyedAtMs: 1_786_000_000_000 });
    expect(opened.createdAtMs).toEqual(keyring.createdAtMs);
  });

  test("shows its generation, and has none where that was changed", () => {
    const wrapped = wrapKeyring(keyring, rootKey);
    expect(storedGeneration(wrapped)).toBe(4);
    wrapped[4] = 5;
    expect(() => unwrapKeyring(wrapped, rootKey)).toThrow(WrongRootKeyError);
    expect(isProvenSame(wrapped, keyring)).toBe(false);
  });

  test("is known for the same by who has its keys and not the root key, and by nobody else", () => {
    const wrapped = wrapKeyring(keyring, randomBytes(32));
    expect(isProvenSame(wrapped, keyring)).toBe(true);
    const [[, three] = [3, rootKey], [, seven] = [7, rootKey]] = [...keyring.keys];
    const others = [
      { activeTerm: 3, keys: keyring.keys },
      { activeTerm: 7, keys: new Map([[7, seven]]) },
      {
        activeTerm: 7,
        keys: new Map([
          [3, seven],
          [7, seven],
        ]),
      },
      {
        activeTerm: 7,
        keys: new Map([
          [3, three],
          [7, randomBytes(32)],
        ]),
      },
    ];
    for (const other of others) expect(isProvenSame(wrapped, other)).toBe(false);
    for (let at = 0; at < wrapped.length; at += 7) {
      const edited = Uint8Array.from(wrapped);
      edited[at] = (edited[at] ?? 0) ^ 1;
      expect(isProvenSame(edited, keyring), `byte ${at}`).toBe(false);
    }
  });

  test("of the earlier format still opens, whatever its first byte", () => {
    for (const first of [2, 9]) {
      const nonce = randomBytes(12);
      nonce[0] = first;
      const cipher = createCipheriv("aes-256-gcm", rootKey, nonce);
      cipher.setAAD(Buffer.from("leasehold:keyring:1"));
      const plain = Buffer.concat([Buffer.from([0, 0, 0, 1, 0, 0, 0, 1]), keyOfTerm(keyring, 3)]);
      const wrapped = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      const opened = unwrapKeyring(wrapped, rootKey);
      expect(opened).toMatchObject({ generation: 0, activeTerm: 1 });
      expect(keyOfTerm(opened, 1)).toEqual(keyring.keys.get(3));
    }
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
