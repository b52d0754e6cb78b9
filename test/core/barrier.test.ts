import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { BarrierError, createBarrier } from "../../src/core/barrier.ts";
import type { Keyring } from "../../src/core/keyring.ts";

const keyring: Keyring = { activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) };
const barrier = createBarrier(keyring);
const plain = Buffer.from("a handle");

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe("a barrier", () => {
  test.each([0, 1, 200, 5000])("opens %i bytes as it sealed them", (size) => {
    const bytes = randomBytes(size);
    expect(Buffer.compare(barrier.open(barrier.seal(bytes, "here"), "here"), bytes)).toBe(0);
  });

  test("seals the same bytes differently each time, and shows nothing of them", () => {
    const [one, other] = [barrier.seal(plain, "here"), barrier.seal(plain, "here")];
    expect(Buffer.compare(one, other)).not.toBe(0);
    expect(text(one)).not.toContain("handle");
  });

  test("does not open a value at another place than it was sealed for", () => {
    const sealed = barrier.seal(plain, "lease:a:1");
    expect(() => barrier.open(sealed, "lease:a:2")).toThrow(BarrierError);
    expect(() => barrier.open(sealed, "lease:a:2")).toThrow(
      'The stored value at "lease:a:2" does not open: it was changed, or belongs to another place.',
    );
  });

  test("does not open a value with any single byte changed", () => {
    const sealed = barrier.seal(plain, "here");
    for (let at = 0; at < sealed.length; at++) {
      const edited = Uint8Array.from(sealed);
      edited[at] = (edited[at] ?? 0) ^ 1;
      expect(() => barrier.open(edited, "here"), `byte ${at}`).toThrow(BarrierError);
    }
  });

  test("does not open a value that was cut at any length", () => {
    const sealed = barrier.seal(plain, "here");
    for (let length = 0; length < sealed.length; length++)
      expect(() => barrier.open(sealed.subarray(0, length), "here"), `${length} bytes`).toThrow(BarrierError);
  });

  test("opens what an earlier term sealed, and seals with the active one", () => {
    const older = barrier.seal(plain, "here");
    const rotated = createBarrier({ activeTerm: 2, keys: new Map([...keyring.keys, [2, randomBytes(32)]]) });
    expect(text(rotated.open(older, "here"))).toBe("a handle");
    const newer = rotated.seal(plain, "here");
    expect(text(rotated.open(newer, "here"))).toBe("a handle");
    expect(() => barrier.open(newer, "here")).toThrow("sealed with data key 2, which the keyring lacks");
  });

  test("does not open a value of another keyring with the same term", () => {
    const other = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
    expect(() => other.open(barrier.seal(plain, "here"), "here")).toThrow(BarrierError);
  });

  test("opens a view into a larger buffer", () => {
    const sealed = barrier.seal(plain, "here");
    const larger = Buffer.concat([randomBytes(7), sealed, randomBytes(3)]);
    expect(text(barrier.open(larger.subarray(7, 7 + sealed.length), "here"))).toBe("a handle");
  });
});
