import { inspect } from "node:util";
import { expect, test } from "vitest";
import { Secret } from "../../src/core/secret.ts";

test("a secret is shown nowhere, and told to whoever asks for it", () => {
  const secret = new Secret("hunter2");
  const shown = [`${secret}`, String(secret), JSON.stringify({ secret }), inspect({ secret }, { depth: 9 })];
  expect(shown.join()).not.toContain("hunter2");
  expect(shown.every((text) => text.includes("[secret]"))).toBe(true);
  expect(Object.keys(secret)).toEqual([]);
  expect(secret.reveal()).toBe("hunter2");
});
