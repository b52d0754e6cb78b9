import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { escapeText } from "../../src/cli/escape.ts";
import { jsonText, keyValueLines, tableLines } from "../../src/cli/output.ts";

describe("tableLines()", () => {
  test("pads every column but the last, and leaves no space at the end of a line", () => {
    expect(
      tableLines([
        ["a", "b", "c"],
        ["long", "", "x"],
        ["s", "y", ""],
      ]),
    ).toEqual(["a     b  c", "long     x", "s     y"]);
  });

  test("measures cells as they are printed", () => {
    expect(
      tableLines([
        ["a\nb", "x"],
        ["c", "y"],
      ]),
    ).toEqual(["a\\nb  x", "c     y"]);
  });
});

describe("keyValueLines()", () => {
  test("shows text as it is, and other values as compact JSON", () => {
    expect(
      keyValueLines([
        ["text", "1"],
        ["number", 1],
        ["list", ["a", 1]],
        ["empty", ""],
      ]),
    ).toEqual(["Key     Value", "text    1", "number  1", 'list    ["a",1]', "empty"]);
  });
});

describe("escapeText()", () => {
  test("leaves nothing that steers a terminal or turns text around", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(escapeText(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
    expect(escapeText("tab\t cr\r esc\u001b c1\u009b rtl\u202e")).toBe(
      "tab\\t cr\\r esc\\u001b c1\\u009b rtl\\u202e",
    );
    expect(escapeText("größe ✓ \u{1f511}")).toBe("größe ✓ \u{1f511}");
  });
});

describe("jsonText()", () => {
  test("parses back to the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const document = JSON.parse(JSON.stringify(value));
        expect(JSON.parse(jsonText(document, 2))).toEqual(document);
      }),
    );
  });

  test("writes control characters of any kind as escapes", () => {
    expect(jsonText({ "\u009b": "\u007f\u202e" })).toBe('{"\\u009b":"\\u007f\\u202e"}');
  });
});
