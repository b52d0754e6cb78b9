import { BlockList, isIP } from "node:net";
import { compileArnPattern, compilePattern, type KeyLookup, type Matcher } from "./pattern.ts";

/** One compiled line of a Condition element: tells whether the request meets it. */
export type Condition = (lookup: KeyLookup) => boolean;

/** A condition that does not compile; its message is the sentence AWS answers with. */
export class ConditionSyntaxError extends Error {}

interface Operator {
  readonly isNegated: boolean;
  readonly compile: (expected: string, hasVariables: boolean) => Matcher;
}

const exact = { hasWildcards: false, ignoresCase: false };
const folded = { hasWildcards: false, ignoresCase: true };
const wild = { hasWildcards: true, ignoresCase: false };

function text(syntax: { hasWildcards: boolean; ignoresCase: boolean }): Operator["compile"] {
  return (expected, hasVariables) => compilePattern(expected, { ...syntax, hasVariables });
}

/** Milliseconds of an ISO 8601 date or of a count of seconds since 1970; NaN for anything else. */
function dateMs(value: string): number {
  if (/^-?\d+(\.\d+)?$/.test(value) && value.length > 4) return Number(value) * 1000;
  return /^\d{4}(-\d{2}(-\d{2}(T.+)?)?)?$/.test(value) ? Date.parse(value) : Number.NaN;
}

function ordered(read: (value: string) => number, holds: (actual: number, expected: number) => boolean) {
  // Policy variables do not work in numeric and date operators, so `${…}` is a number that does not parse.
  return (expected: string): Matcher => {
    const limit = read(expected);
    if (Number.isNaN(limit)) throw new ConditionSyntaxError("The policy failed legacy parsing");
    return (actual) => holds(read(actual), limit);
  };
}

const asNumber = (value: string) => (value.trim() === "" ? Number.NaN : Number(value));

function bool(expected: string): Matcher {
  const wanted = expected.toLowerCase();
  if (wanted !== "true" && wanted !== "false") throw new ConditionSyntaxError("Syntax errors in policy.");
  return (actual) => actual.toLowerCase() === wanted;
}

function addressRange(expected: string): Matcher {
  const [address = "", length, ...rest] = expected.split("/");
  const family = isIP(address);
  const bits =
    length === undefined ? (family === 6 ? 128 : 32) : /^\d{1,3}$/.test(length) ? Number(length) : -1;
  if (family === 0 || rest.length > 0 || bits < 0 || bits > (family === 6 ? 128 : 32)) {
    throw new ConditionSyntaxError("The policy failed legacy parsing");
  }
  const range = new BlockList();
  range.addSubnet(address, bits, family === 6 ? "ipv6" : "ipv4");
  return (actual) => {
    const actualFamily = isIP(actual);
    return actualFamily !== 0 && range.check(actual, actualFamily === 6 ? "ipv6" : "ipv4");
  };
}

function pair(name: string, negatedName: string, compile: Operator["compile"]): [string, Operator][] {
  return [
    [name, { isNegated: false, compile }],
    [negatedName, { isNegated: true, compile }],
  ];
}

function single(name: string, compile: Operator["compile"]): [string, Operator] {
  return [name, { isNegated: false, compile }];
}

function comparisons(type: "Numeric" | "Date", read: (value: string) => number): [string, Operator][] {
  return [
    ...pair(
      `${type}Equals`,
      `${type}NotEquals`,
      ordered(read, (a, b) => a === b),
    ),
    single(
      `${type}LessThan`,
      ordered(read, (a, b) => a < b),
    ),
    single(
      `${type}LessThanEquals`,
      ordered(read, (a, b) => a <= b),
    ),
    single(
      `${type}GreaterThan`,
      ordered(read, (a, b) => a > b),
    ),
    single(
      `${type}GreaterThanEquals`,
      ordered(read, (a, b) => a >= b),
    ),
  ];
}

/** Every condition operator. Source: IAM User Guide, "IAM JSON policy elements: Condition operators". */
const operators = new Map<string, Operator>([
  ...pair("StringEquals", "StringNotEquals", text(exact)),
  ...pair("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", text(folded)),
  ...pair("StringLike", "StringNotLike", text(wild)),
  ...comparisons("Numeric", asNumber),
  ...comparisons("Date", dateMs),
  single("Bool", bool),
  single("BinaryEquals", text(exact)),
  ...pair("IpAddress", "NotIpAddress", addressRange),
  ...pair("ArnEquals", "ArnNotEquals", compileArnPattern),
  ...pair("ArnLike", "ArnNotLike", compileArnPattern),
]);

function compileNull(key: string, expected: readonly string[]): Condition {
  const wanted = expected.map((value) => bool(value));
  return (lookup) => {
    const isAbsent = String(lookup(key) === undefined);
    return wanted.some((matches) => matches(isAbsent, lookup));
  };
}

/**
 * Compiles one operator applied to one key. Several expected values are alternatives; for a negated operator none
 * of them may match. A key the request lacks meets negated operators and those ending in `IfExists` only.
 *
 * @throws ConditionSyntaxError for an operator that does not exist or a value it cannot read.
 */
export function compileCondition(line: {
  operator: string;
  key: string;
  expected: readonly string[];
  hasVariables: boolean;
}): Condition {
  const form = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(line.operator);
  const name = form?.[2] ?? "";
  const key = line.key.toLowerCase();
  if (name === "Null" && form?.[1] === undefined && form?.[3] === undefined) {
    return compileNull(key, line.expected);
  }
  const operator = operators.get(name);
  if (operator === undefined) throw new ConditionSyntaxError("Syntax errors in policy.");
  const matchers = line.expected.map((value) => operator.compile(value, line.hasVariables));
  const isMet = (actual: string, lookup: KeyLookup) =>
    matchers.some((matches) => matches(actual, lookup)) !== operator.isNegated;

  if (form?.[1] === "ForAllValues") {
    return (lookup) => (lookup(key) ?? []).every((actual) => isMet(actual, lookup));
  }
  const isMetByAbsence = form?.[3] === "IfExists" || (operator.isNegated && form?.[1] !== "ForAnyValue");
  return (lookup) => {
    const actual = lookup(key);
    return actual === undefined ? isMetByAbsence : actual.some((value) => isMet(value, lookup));
  };
}
