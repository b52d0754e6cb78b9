import { describe, expect, it } from "vitest";
import {
  accessorOfTtlKey,
  callerKey,
  dataKey,
  leaseKey,
  lexicalRange,
  ttlKey,
} from "../../src/redis/keys.ts";

describe("The keys of a mount", () => {
  it("carry its accessor as their hash tag, whatever comes after", () => {
    for (const make of [leaseKey, ttlKey, callerKey, dataKey]) {
      expect(make("aws_1", "a}{b/c")).toMatch(/^lh:\{aws_1\}:\w+:a\}\{b\/c$/);
    }
  });
});

describe("accessorOfTtlKey()", () => {
  it("knows TTL keys from all others", () => {
    expect(accessorOfTtlKey(ttlKey("aws_1", "aws/creds/a/1"))).toBe("aws_1");
    for (const other of ["lh:{aws_1}:idem:ttl:", "x:lh:{aws_1}:ttl:1", "lh:aws_1:ttl:1", "lh:{}:ttl:1", ""]) {
      expect(accessorOfTtlKey(other)).toBeUndefined();
    }
  });
});

describe("lexicalRange()", () => {
  it("begins after a text only where that lies within the prefix or beyond", () => {
    const textsOf = (...range: Parameters<typeof lexicalRange>) => {
      const { min, max } = lexicalRange(...range);
      return [min.toString("latin1"), max.toString("latin1")];
    };
    expect(textsOf("")).toEqual(["-", "+"]);
    expect(textsOf("", "b")).toEqual(["(b", "+"]);
    expect(textsOf("a/")).toEqual(["[a/", "(a/\u00ff"]);
    expect(textsOf("a/", "A")).toEqual(["[a/", "(a/\u00ff"]);
    expect(textsOf("a/", "a/")).toEqual(["(a/", "(a/\u00ff"]);
    expect(textsOf("a/", "a/1")).toEqual(["(a/1", "(a/\u00ff"]);
    expect(textsOf("a/", "b")).toEqual(["(b", "(a/\u00ff"]);
  });
});
