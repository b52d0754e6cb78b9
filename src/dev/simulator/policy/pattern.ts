/**
 * Looks up the values of a condition key in the request at hand; undefined when the request has no such key.
 * Keys are given in lower case, since AWS does not distinguish their case.
 */
export type KeyLookup = (key: string) => readonly string[] | undefined;

/** A compiled pattern: tells whether a value of the request fits it. */
export type Matcher = (value: string, lookup: KeyLookup) => boolean;

/** How a pattern is read: which characters are special in it and whether case counts. */
export interface PatternSyntax {
  readonly hasWildcards: boolean;
  readonly hasVariables: boolean;
  readonly ignoresCase: boolean;
}

interface Variable {
  readonly key: string;
  readonly fallback: string | undefined;
}

// Longer than one character, so that no character of a value ever equals them.
const anyRun = "any run";
const anyOne = "any one";

type Token = string | Variable;

const variableForm = /^\$\{([^},]+)(?:,\s*'([^']*)')?\}/;

function tokenize(text: string, syntax: PatternSyntax): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const found = syntax.hasVariables ? variableForm.exec(text.slice(at)) : null;
    if (found !== null) {
      const name = (found[1] ?? "").trim();
      // ${*}, ${?} and ${$} are how a policy writes these characters as themselves.
      if (name === "*" || name === "?" || name === "$") tokens.push(name);
      else tokens.push({ key: name.toLowerCase(), fallback: found[2] });
      at += found[0].length;
      continue;
    }
    const character = text.charAt(at);
    if (syntax.hasWildcards && character === "*") tokens.push(anyRun);
    else if (syntax.hasWildcards && character === "?") tokens.push(anyOne);
    else tokens.push(syntax.ignoresCase ? character.toLowerCase() : character);
    at += 1;
  }
  return tokens;
}

function expand(tokens: readonly Token[], lookup: KeyLookup, ignoresCase: boolean): string[] | undefined {
  const expanded: string[] = [];
  for (const token of tokens) {
    if (typeof token === "string") {
      expanded.push(token);
      continue;
    }
    const value = lookup(token.key)?.[0] ?? token.fallback;
    if (value === undefined) return undefined;
    // Character by character, so that a wildcard in a value stands for itself.
    for (const character of ignoresCase ? value.toLowerCase() : value) expanded.push(character);
  }
  return expanded;
}

/** Matches in time proportional to pattern times value at worst: no back-tracking a policy could blow up. */
function fits(pattern: readonly string[], value: string): boolean {
  let inPattern = 0;
  let inValue = 0;
  let lastRun = -1;
  let resumeAt = 0;
  while (inValue < value.length) {
    const token = pattern[inPattern];
    if (token === anyRun) {
      lastRun = inPattern;
      resumeAt = inValue;
      inPattern += 1;
    } else if (token === anyOne || token === value.charAt(inValue)) {
      inPattern += 1;
      inValue += 1;
    } else if (lastRun >= 0) {
      inPattern = lastRun + 1;
      resumeAt += 1;
      inValue = resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[inPattern] === anyRun) inPattern += 1;
  return inPattern === pattern.length;
}

function matcherOf(tokens: readonly Token[], syntax: PatternSyntax): Matcher {
  const fold = syntax.ignoresCase ? (value: string) => value.toLowerCase() : (value: string) => value;
  if (tokens.length === 1 && tokens[0] === anyRun) return () => true;
  if (tokens.every((token) => typeof token === "string")) {
    if (!tokens.some((token) => token === anyRun || token === anyOne)) {
      const literal = tokens.join("");
      return (value) => fold(value) === literal;
    }
    return (value) => fits(tokens, fold(value));
  }
  return (value, lookup) => {
    const expanded = expand(tokens, lookup, syntax.ignoresCase);
    return expanded !== undefined && fits(expanded, fold(value));
  };
}

/** Compiles one pattern, once, to a matcher of whole values. */
export function compilePattern(text: string, syntax: PatternSyntax): Matcher {
  return matcherOf(tokenize(text, syntax), syntax);
}

/** Splits an ARN into its six parts, the last of which keeps its colons. */
function arnParts(arn: string): string[] {
  const parts = arn.split(":");
  return [...parts.slice(0, 5), parts.slice(5).join(":")];
}

/**
 * Compiles an ARN pattern, whose six parts are matched one by one: a wildcard does not reach over a colon.
 * A pattern that stops early with a wildcard (`arn:aws:iam::*`) covers the parts it leaves out.
 *
 * Source: IAM User Guide, "IAM JSON policy elements: Condition operators", ARN condition operators.
 */
export function compileArnPattern(text: string, hasVariables: boolean): Matcher {
  const syntax = { hasWildcards: true, hasVariables, ignoresCase: false };
  if (text === "*") return () => true;
  const parts: Token[][] = [[]];
  for (const token of tokenize(text, syntax)) {
    if (token === ":" && parts.length < 6) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  if (parts.length < 6 && parts.at(-1)?.at(-1) !== anyRun) return () => false;
  const matchers = parts.map((part) => matcherOf(part, syntax));
  return (value, lookup) => {
    const valueParts = arnParts(value);
    return matchers.every((matches, index) => matches(valueParts[index] ?? "", lookup));
  };
}
