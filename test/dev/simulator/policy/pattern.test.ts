import { describe, expect, it } from "vitest";
import { compileArnPattern, compilePattern } from "../../../../src/dev/simulator/policy/pattern.ts";

/** A policy variable as policies spell it. */
const variable = (name: string) => `$\{${name}}`;

const nothing = () => undefined;
const wild = { hasWildcards: true, hasVariables: true, ignoresCase: false };

describe("compilePattern()", () => {
  it.each([
    ["*", "", true],
    ["*", "anything", true],
    ["a*c", "abbbc", true],
    ["a*c", "abbbd", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["*ab*ab*", "xxabyyab", true],
    ["*ab*ab*", "xxabyy", false],
    ["literal", "literal", true],
    ["literal", "Literal", false],
  ])("has %s match %s: %s", (pattern, value, isMatch) => {
    expect(compilePattern(pattern, wild)(value, nothing)).toBe(isMatch);
  });

  it("ignores case where actions are matched", () => {
    const action = { hasWildcards: true, hasVariables: false, ignoresCase: true };
    expect(compilePattern("IAM:get*", action)("iam:GetUser", nothing)).toBe(true);
  });

  it("takes wildcards in the value of a variable as themselves", () => {
    const lookup = (key: string) => (key === "aws:username" ? ["b*b"] : undefined);
    const matches = compilePattern(`home/${variable("aws:username")}/*`, wild);
    expect(matches("home/b*b/file", lookup)).toBe(true);
    expect(matches("home/bob/file", lookup)).toBe(false);
  });

  it("matches nothing when a variable has no value, unless it has a default", () => {
    expect(compilePattern(variable("aws:username"), wild)("", nothing)).toBe(false);
    expect(compilePattern(variable("aws:username, 'guest'"), wild)("guest", nothing)).toBe(true);
  });

  it("lets a policy write the special characters as themselves", () => {
    expect(compilePattern(variable("*") + variable("?") + variable("$"), wild)("*?$", nothing)).toBe(true);
    expect(compilePattern(variable("*"), wild)("x", nothing)).toBe(false);
  });

  it("answers in time for a pattern made to be slow", () => {
    const pattern = compilePattern(`${"a*".repeat(60)}b`, wild);
    expect(pattern("a".repeat(2000), nothing)).toBe(false);
  });
});

describe("compileArnPattern()", () => {
  it.each([
    ["*", "arn:aws:iam::123456789012:user/a", true],
    ["arn:aws:iam::123456789012:user/*", "arn:aws:iam::123456789012:user/a/b", true],
    ["arn:aws:iam::*:user/a", "arn:aws:iam::123456789012:user/a", true],
    ["arn:aws:iam:*:user/a", "arn:aws:iam::123456789012:user/a", false],
    ["arn:aws:iam::*", "arn:aws:iam::123456789012:user/a", true],
    ["arn:aws:iam::123456789012:group/*", "arn:aws:iam::123456789012:user/a", false],
    ["arn:*:iam::123456789012:role/x:y", "arn:aws:iam::123456789012:role/x:y", true],
  ])("has %s match %s: %s", (pattern, arn, isMatch) => {
    expect(compileArnPattern(pattern, true)(arn, nothing)).toBe(isMatch);
  });

  it("does not take the colon inside a variable as a divider", () => {
    const lookup = (key: string) => (key === "aws:username" ? ["ada"] : undefined);
    const matches = compileArnPattern(`arn:aws:iam::123456789012:user/${variable("aws:username")}`, true);
    expect(matches("arn:aws:iam::123456789012:user/ada", lookup)).toBe(true);
    expect(matches("arn:aws:iam::123456789012:user/bob", lookup)).toBe(false);
  });
});
