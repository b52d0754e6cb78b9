import { describe, expect, test } from "vitest";
import { CoreError, hasCode, quote } from "../../src/core/errors.ts";

describe("a core error", () => {
  test("carries its code, details and cause", () => {
    const cause = new Error("why");
    const error = new CoreError("NO_MOUNT", "No mount.", { details: { path: "x" }, cause });
    expect(error).toMatchObject({ name: "CoreError", code: "NO_MOUNT", details: { path: "x" }, cause });
    expect(new CoreError("NO_MOUNT", "No mount.")).toMatchObject({ details: {} });
  });

  test("is told from others by its code", () => {
    const error = new CoreError("NO_MOUNT", "No mount.");
    expect(hasCode(error, "INTERNAL", "NO_MOUNT")).toBe(true);
    expect(hasCode(error, "INTERNAL")).toBe(false);
    expect(hasCode({ code: "NO_MOUNT" }, "NO_MOUNT")).toBe(false);
  });
});

test.each([
  ["aws", '"aws"'],
  ['a"b', '"a\\"b"'],
  ["a\nb", '"a\\nb"'],
  ["x".repeat(120), `"${"x".repeat(120)}"`],
  ["x".repeat(121), `"${"x".repeat(117)}..."`],
])("quote() shows %j", (value, shown) => {
  expect(quote(value)).toBe(shown);
});
