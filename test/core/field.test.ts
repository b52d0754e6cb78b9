import { describe, expect, test } from "vitest";
import { CoreError } from "../../src/core/errors.ts";
import {
  boolField,
  durationField,
  type Field,
  intField,
  jsonField,
  listField,
  mapField,
  stringField,
} from "../../src/core/field.ts";
import type { JsonValue } from "../../src/core/json.ts";

const message = (field: Field<unknown>, value: JsonValue): string => {
  try {
    field.parse(value, "f");
  } catch (error) {
    if (error instanceof CoreError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error(`The field took ${JSON.stringify(value)}.`);
};
const names = { regexp: /^[a-z]+$/, words: "small letters" };

describe("a field", () => {
  test.each<[string, Field<unknown>, JsonValue, unknown]>([
    ["string", stringField(""), "a", "a"],
    ["string", stringField(""), 5, "5"],
    ["string", stringField(""), true, "true"],
    ["string", stringField("", { allowed: ["a", "b"] }), "b", "b"],
    ["string", stringField("", { pattern: names }), "abc", "abc"],
    ["duration", durationField(""), "1h", 3_600_000],
    ["duration", durationField(""), 90, 90_000],
    ["int", intField("", { min: -1, max: 9 }), 9, 9],
    ["int", intField("", { min: -1, max: 9 }), " -1 ", -1],
    ["bool", boolField(""), true, true],
    ["bool", boolField(""), "false", false],
    ["list", listField(""), ["a", 1, true], ["a", "1", "true"]],
    ["list", listField(""), " a , b ,, a ", ["a", "b"]],
    ["list", listField(""), "", []],
    ["map", mapField(""), { a: 1, b: "x" }, { a: "1", b: "x" }],
    ["map", mapField(""), '{"a":"b"}', { a: "b" }],
    ["map", mapField(""), "a=1, b=x=y", { a: "1", b: "x=y" }],
    ["map", mapField(""), ["a=", "b=2"], { a: "", b: "2" }],
    ["json", jsonField(""), { a: [1] }, { a: [1] }],
    ["json", jsonField(""), ' {"a":[1]} ', { a: [1] }],
  ])("of type %s takes a value (%#)", (type, field, value, parsed) => {
    expect(field.type).toBe(type);
    expect(field.parse(value, "f")).toEqual(parsed);
  });

  test.each<[Field<unknown>, JsonValue, string]>([
    [stringField(""), ["a"], "must be a string, not an array."],
    [stringField(""), { a: 1 }, "must be a string, not an object."],
    [stringField(""), null, "must be a string, not null."],
    [stringField("", { lengthMax: 3 }), "four", "must be at most 3 characters; it has 4."],
    [stringField("", { allowed: ["a", "b"] }), "c", 'must be one of "a", "b", not "c".'],
    [stringField("", { pattern: names }), "A", 'must be small letters, not "A".'],
    [durationField(""), "soon", 'must be a duration such as 90 (seconds), "90s" or "1h30m", not "soon".'],
    [durationField(""), true, 'must be a duration such as 90 (seconds), "90s" or "1h30m", not true.'],
    [durationField("", { minMs: 60_000 }), "5s", "must be at least 1m, not 5s."],
    [intField("", { min: 0, max: 9 }), 10, "must be a whole number from 0 to 9, not 10."],
    [intField("", { min: 0, max: 9 }), 1.5, "must be a whole number from 0 to 9, not 1.5."],
    [intField("", { min: 0, max: 9 }), "5x", 'must be a whole number from 0 to 9, not "5x".'],
    [intField("", { min: 0, max: 9 }), [], "must be a whole number from 0 to 9, not an array."],
    [boolField(""), "yes", 'must be true or false, not "yes".'],
    [boolField(""), 1, "must be true or false, not 1."],
    [listField(""), 5, "must be a JSON array or a text with commas, not a number."],
    [listField(""), [["a"]], "must hold texts only; it holds an array."],
    [listField("", { countMax: 2 }), "a,b,c", "must hold at most 2 items; it holds 3."],
    [listField("", { item: names }), "a,B", 'must hold small letters, not "B".'],
    [mapField(""), "a", 'must be a JSON object, or items of the form "key=value".'],
    [mapField(""), 5, 'must be a JSON object, or items of the form "key=value".'],
    [mapField(""), { a: {} }, 'must hold texts only; "a" is an object.'],
    [mapField("", { countMax: 1 }), { a: 1, b: 2 }, "must hold at most 1 entries; it holds 2."],
    [jsonField(""), 5, "must be a JSON object, not a number."],
    [jsonField(""), "[1]", "must be a JSON object, not an array."],
  ])("refuses a value it cannot take (%#)", (field, value, problem) => {
    expect(message(field, value)).toBe(`INVALID_FIELD: Field "f" ${problem}`);
  });

  test.each([
    ["", "it ends too early, at position 0"],
    ['{"a": tru', "it ends too early, at position 9"],
    ['{"a":"b', "it ends too early, at position 7"],
    ["policy", "it breaks at line 1, column 1 (position 0)"],
    ['{"a":1,}', "it breaks at line 1, column 8 (position 7)"],
    ["{a:1}", "it breaks at line 1, column 2 (position 1)"],
    ['{"Version":"2012",\n "Statement":[}', "it breaks at line 2, column 15 (position 33)"],
    [`{"a":${" ".repeat(100)}trux}`, "it breaks at line 1, column 109 (position 108)"],
    ['{"a":1}x', "it breaks at line 1, column 8 (position 7)"],
  ])("tells where the JSON %j breaks", (text, where) => {
    expect(message(jsonField("", { code: "INVALID_POLICY" }), text)).toBe(
      `INVALID_POLICY: Field "f" is not JSON: ${where}.`,
    );
  });

  test("that is secret shows its value in no error", () => {
    const secret = { isSecret: true, pattern: names, allowed: ["x"], lengthMax: 20 };
    for (const value of ["S3CRET", "S3CRET".repeat(9), ["S3CRET"], { S3CRET: "S3CRET" }])
      expect(message(stringField("", secret), value)).not.toContain("S3CRET");
  });

  test("says of itself what help shows", () => {
    expect(stringField("A name.", { isRequired: true, defaultText: "none" })).toMatchObject({
      type: "string",
      description: "A name.",
      isRequired: true,
      defaultText: "none",
    });
    expect(boolField("A flag.")).toMatchObject({ isRequired: false, defaultText: "" });
  });
});
