const controlCharacters = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;
const bytesMax = 1200;

/** The path of a rule, taken apart once. */
export interface PolicyPattern {
  readonly text: string;
  /** Whether it names one path, without `+` and `*`. */
  readonly isExact: boolean;
  matches(path: string): boolean;
}

/** Says what is wrong with the path of a rule, to complete "which …"; undefined where nothing is. */
export function checkPattern(text: string): string | undefined {
  if (text === "") return 'is empty. "*" stands for every path.';
  if (text.startsWith("/")) return "starts with a slash. Take it away.";
  if (Buffer.byteLength(text) > bytesMax) return `is longer than ${bytesMax} bytes.`;
  if (controlCharacters.test(text)) return "holds control characters.";
  const star = text.indexOf("*");
  if (star !== -1 && star !== text.length - 1)
    return 'has a "*" before its end. It can only stand last; "+" stands for one whole segment.';
  const segments = text.replace(/\*$/, "").split("/");
  if (segments.some((segment) => segment.includes("+") && segment !== "+"))
    return 'has a "+" beside other characters. It stands for one whole segment, as in "aws/+/deploy".';
  return undefined;
}

/** Takes a path of a rule apart. `+` stands for one segment, whatever it is; `*` at the end for anything, nothing included. */
export function createPattern(text: string): PolicyPattern {
  const isPrefix = text.endsWith("*");
  const body = isPrefix ? text.slice(0, -1) : text;
  if (!body.split("/").includes("+")) {
    const matches = isPrefix ? (path: string) => path.startsWith(body) : (path: string) => path === body;
    return { text, isExact: !isPrefix, matches };
  }
  const wanted = body.split("/");
  return {
    text,
    isExact: false,
    matches(path) {
      const given = path.split("/");
      if (isPrefix ? given.length < wanted.length : given.length !== wanted.length) return false;
      return wanted.every((segment, at) => {
        const have = given[at] ?? "";
        if (segment === "+") return have !== "";
        // The last segment before a `*` need only begin alike.
        return isPrefix && at === wanted.length - 1 ? have.startsWith(segment) : have === segment;
      });
    },
  };
}

const countOf = (text: string): number =>
  text.split("/").filter((segment) => segment.replace(/\*$/, "") === "+").length;

const firstWildcard = (text: string): number => {
  const at = text.split("").findIndex((character) => character === "+" || character === "*");
  return at === -1 ? Number.POSITIVE_INFINITY : at;
};

/**
 * Orders patterns by how special they are, the most special first: of those that match a path exactly the first decides. The rules are
 * those that Vault documents ("Policies", section on priority matching), in their order: one has lower priority whose first `+` or `*` stands earlier;
 * that ends in `*`; that has more segments `+`; that is shorter; that is lexicographically smaller.
 */
export function bySpeciality(one: string, other: string): number {
  const [first, second] = [firstWildcard(one), firstWildcard(other)];
  if (first !== second) return first > second ? -1 : 1;
  const [oneEnds, otherEnds] = [one.endsWith("*"), other.endsWith("*")];
  if (oneEnds !== otherEnds) return oneEnds ? 1 : -1;
  const [onePlus, otherPlus] = [countOf(one), countOf(other)];
  if (onePlus !== otherPlus) return onePlus - otherPlus;
  if (one.length !== other.length) return other.length - one.length;
  if (one === other) return 0;
  return one < other ? 1 : -1;
}
