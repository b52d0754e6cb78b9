import { createCipheriv, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { BarrierError, createBarrier } from "../../src/core/barrier.ts";
import type { Keyring } from "../../src/core/keyring.ts";
import type { Place } from "../../src/core/place.ts";

const keyring: Keyring = { activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) };
const barrier = createBarrier(keyring);
const plain = Buffer.from("a handle");
const at = (key: string): Place => ({ key, field: "sealed", schema: 1 });
const here = at("here");

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe("a barrier", () => {
  test("does not open a value for another field of its record, nor for another version of what is in it", () => {
    const sealed = barrier.seal(plain, here);
    expect(() => barrier.open(sealed, { ...here, field: "other" })).toThrow(BarrierError);
    expect(() => barrier.open(sealed, { ...here, schema: 2 })).toThrow(BarrierError);
    expect(() => barrier.open(sealed, { key: "her", field: "esealed", schema: 1 })).toThrow(BarrierError);
  });

  test("opens what was sealed when only the key of a place was authenticated, and nothing that only claims so", () => {
    const [key] = keyring.keys.values();
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key ?? "", nonce);
    cipher.setAAD(Buffer.from("here"));
    const parts = [
      Buffer.from([1, 0, 0, 0, 1]),
      nonce,
      cipher.update(plain),
      cipher.final(),
      cipher.getAuthTag(),
    ];
    const earlier = Buffer.concat(parts);
    expect(text(barrier.open(earlier, here))).toBe("a handle");
    expect(() => barrier.open(earlier, at("there"))).toThrow(BarrierError);
    const renamed = barrier.seal(plain, here);
    renamed[0] = 1;
    expect(() => barrier.open(renamed, here)).toThrow(BarrierError);
  });

  test("says which value was changed, as a failure that callers are told, and to whoever listens", () => {
    const heard: string[] = [];
    const listening = createBarrier(keyring, { onUnopened: ({ message }) => void heard.push(message) });
    const sealed = listening.seal(plain, here);
    expect(() => listening.open(sealed, at("there"))).toThrow(
      expect.objectContaining({ code: "DATA_CORRUPTED", details: { stored_at: "there" } }),
    );
    expect(heard).toEqual([expect.stringContaining('at "there" does not open')]);
    listening.open(sealed, here);
    expect(heard).toHaveLength(1);
  });

  test("goes over to another keyring while it works, and counts what it seals under the active term", () => {
    const renewed = createBarrier(keyring);
    const older = renewed.seal(plain, here);
    renewed.seal(plain, here);
    expect(renewed.seals()).toBe(2);
    const keys = new Map([...keyring.keys, [2, randomBytes(32)]]);
    renewed.adopt({ activeTerm: 1, keys });
    expect(renewed.seals()).toBe(2);
    renewed.adopt({ activeTerm: 2, keys });
    expect(renewed.seals()).toBe(0);
    expect(text(renewed.open(older, here))).toBe("a handle");
    expect(Buffer.from(renewed.seal(plain, here)).readUInt32BE(1)).toBe(2);
    expect(renewed.seals()).toBe(1);
  });

  test.each([0, 1, 200, 5000])("opens %i bytes as it sealed them", (size) => {
    const bytes = randomBytes(size);
    expect(Buffer.compare(barrier.open(barrier.seal(bytes, here), here), bytes)).toBe(0);
  });

  test("seals the same bytes differently each time, and shows nothing of them", () => {
    const [one, other] = [barrier.seal(plain, here), barrier.seal(plain, here)];
    expect(Buffer.compare(one, other)).not.toBe(0);
    expect(text(one)).not.toContain("handle");
  });

  test("does not open a value at another place than it was sealed for", () => {
    const sealed = barrier.seal(plain, at("lease:a:1"));
    expect(() => barrier.open(sealed, at("lease:a:2"))).toThrow(BarrierError);
    expect(() => barrier.open(sealed, at("lease:a:2"))).toThrow(
      'The stored value at "lease:a:2" does not open: it was changed, or belongs to another place. It is not used.',
    );
  });

  test("does not open a value with any single byte changed", () => {
    const sealed = barrier.seal(plain, here);
    for (let at = 0; at < sealed.length; at++) {
      const edited = Uint8Array.from(sealed);
      edited[at] = (edited[at] ?? 0) ^ 1;
      expect(() => barrier.open(edited, here), `byte ${at}`).toThrow(BarrierError);
    }
  });

  test("does not open a value that was cut at any length", () => {
    const sealed = barrier.seal(plain, here);
    for (let length = 0; length < sealed.length; length++)
      expect(() => barrier.open(sealed.subarray(0, length), here), `${length} bytes`).toThrow(BarrierError);
  });

  test("opens what an earlier term sealed, and seals with the active one", () => {
    const older = barrier.seal(plain, here);
    const rotated = createBarrier({ activeTerm: 2, keys: new Map([...keyring.keys, [2, randomBytes(32)]]) });
    expect(text(rotated.open(older, here))).toBe("a handle");
    const newer = rotated.seal(plain, here);
    expect(text(rotated.open(newer, here))).toBe("a handle");
    expect(() => barrier.open(newer, here)).toThrow("sealed with data key 2, which the keyring lacks");
  });

  test("does not open a value of another keyring with the same term", () => {
    const other = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
    expect(() => other.open(barrier.seal(plain, here), here)).toThrow(BarrierError);
  });

  test("opens a view into a larger buffer", () => {
    const sealed = barrier.seal(plain, here);
    const larger = Buffer.concat([randomBytes(7), sealed, randomBytes(3)]);
    expect(text(barrier.open(larger.subarray(7, 7 + sealed.length), here))).toBe("a handle");
  });
});
