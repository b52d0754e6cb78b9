import { describe, expect, it } from "vitest";
import { compileCondition } from "../../../../src/dev/simulator/policy/condition.ts";

/** A policy variable as policies spell it. */
const variable = (name: string) => `$\{${name}}`;

function isMet(operator: string, expected: string | string[], actual: string[] | undefined): boolean {
  const condition = compileCondition({
    operator,
    key: "aws:Key",
    expected: typeof expected === "string" ? [expected] : expected,
    hasVariables: true,
  });
  return condition((key) => (key === "aws:key" ? actual : key === "aws:username" ? ["ada"] : undefined));
}

describe("compileCondition()", () => {
  it.each([
    ["StringEquals", "a", ["a"], true],
    ["StringEquals", "a", ["A"], false],
    ["StringEquals", "a*", ["ab"], false],
    ["StringEquals", variable("aws:username"), ["ada"], true],
    ["StringNotEquals", "a", ["b"], true],
    ["StringNotEquals", "a", undefined, true],
    ["StringEquals", "a", undefined, false],
    ["StringEqualsIfExists", "a", undefined, true],
    ["StringEqualsIgnoreCase", "aB", ["Ab"], true],
    ["StringNotEqualsIgnoreCase", "aB", ["Ab"], false],
    ["StringLike", "a*", ["abc"], true],
    ["StringNotLike", "a*", ["abc"], false],
    ["NumericLessThan", "10", ["9.5"], true],
    ["NumericLessThanEquals", "10", ["10"], true],
    ["NumericGreaterThan", "10", ["9"], false],
    ["NumericNotEquals", "10", undefined, true],
    ["DateGreaterThan", "2026-11-24T10:00:00Z", ["2026-11-24T10:00:01Z"], true],
    ["DateGreaterThan", "2026-11-24T10:00:00Z", ["2026-11-24T10:00:00Z"], false],
    ["DateGreaterThanEquals", "2026-11-24T10:00:00Z", ["2026-11-24T10:00:00.000Z"], true],
    ["DateLessThan", "2026-11-24T12:00:00+02:00", ["2026-11-24T09:59:59Z"], true],
    ["DateLessThan", "2026-11-24", ["2026-11-23T23:59:59Z"], true],
    ["DateLessThan", "1795514400", ["2026-11-24T09:59:59Z"], true],
    ["DateLessThan", "2026-11-24T10:00:00Z", undefined, false],
    ["Bool", "true", ["true"], true],
    ["Bool", "true", undefined, false],
    ["BoolIfExists", "true", undefined, true],
    ["Null", "true", undefined, true],
    ["Null", "true", ["x"], false],
    ["Null", "false", ["x"], true],
    ["IpAddress", "127.0.0.0/8", ["127.1.2.3"], true],
    ["IpAddress", "10.0.0.1", ["10.0.0.1"], true],
    ["NotIpAddress", "127.0.0.0/8", ["127.1.2.3"], false],
    ["IpAddress", "::1/128", ["::1"], true],
    ["ArnLike", "arn:aws:iam::*:user/*", ["arn:aws:iam::1:user/a"], true],
    ["ArnEquals", "arn:aws:iam::*:user/*", ["arn:aws:iam::1:role/a"], false],
    ["ArnNotLike", "arn:aws:iam::*:user/*", ["arn:aws:iam::1:role/a"], true],
    ["ForAllValues:StringEquals", ["a", "b"], ["a", "b"], true],
    ["ForAllValues:StringEquals", ["a", "b"], ["a", "c"], false],
    ["ForAllValues:StringEquals", ["a"], undefined, true],
    ["ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], true],
    ["ForAnyValue:StringEquals", ["a"], undefined, false],
    ["ForAnyValue:StringNotEquals", ["a"], undefined, false],
  ])("has %s %s of %s be met: %s", (operator, expected, actual, expectation) => {
    expect(isMet(operator, expected, actual)).toBe(expectation);
  });

  it("takes several expected values as alternatives, and for a negated operator as none of them", () => {
    expect(isMet("StringEquals", ["a", "b"], ["b"])).toBe(true);
    expect(isMet("StringNotEquals", ["a", "b"], ["b"])).toBe(false);
  });

  it.each([
    ["StringMatches", "a"],
    ["DateGreaterThan", "tomorrow"],
    ["DateGreaterThan", variable("aws:CurrentTime")],
    ["NumericEquals", "ten"],
    ["Bool", "yes"],
    ["IpAddress", "127.0.0.1/40"],
    ["NullIfExists", "true"],
  ])("refuses %s %s", (operator, expected) => {
    expect(() => isMet(operator, expected, ["x"])).toThrow();
  });
});
