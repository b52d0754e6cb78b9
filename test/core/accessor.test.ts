import { expect, test } from "vitest";
import { newAccessor } from "../../src/core/accessor.ts";

test("newAccessor() names the type, and is another one each time", () => {
  const accessors = Array.from({ length: 1000 }, () => newAccessor("aws", () => false));
  for (const accessor of accessors) expect(accessor).toMatch(/^aws_[a-z2-7]{7}$/);
  expect(new Set(accessors).size).toBe(1000);
});

test("newAccessor() passes over what is taken", () => {
  const asked: string[] = [];
  const accessor = newAccessor("kv", (candidate) => asked.push(candidate) < 3);
  expect(asked).toHaveLength(3);
  expect(accessor).toBe(asked[2]);
});
