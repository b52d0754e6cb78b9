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
  if (text.split("/").some((segment) => segment.includes("+") && segment !== "+"))
    return 'has a "+" beside other characters. It stands for one whole segment, as in "aws/+/deploy".';
  return undefined;
}

/**
 * Takes a path of a rule apart. `+` stands for one segment, whatever it is, the empty one included, which only a folder that is
 * listed has, at its end; `*` at the end for anything, nothing included.
 */
export function createPattern(text: string): PolicyPattern {
  const isPrefix = text.endsWith("*");
  const body = isPrefix ? text.slice(0, -1) : text;
  const [start = "", ...pieces] = body.split("+");
  return {
    text,
    isExact: !isPrefix && pieces.length === 0,
    matches(path) {
      // Every request asks this of every rule in turn, so nothing is allocated here.
      if (!path.startsWith(start)) return false;
      let at = start.length;
      for (const piece of pieces) {
        const slash = path.indexOf("/", at);
        at = slash === -1 ? path.length : slash;
        if (!path.startsWith(piece, at)) return false;
        at += piece.length;
      }
      return isPrefix || at === path.length;
    },
  };
}

const plusCount = (text: string): number => text.split("+").length - 1;

const firstWildcard = (text: string): number => {
  const at = text.search(/[+*]/);
  return at === -1 ? Number.POSITIVE_INFINITY : at;
};

/**
 * Orders patterns by how special they are, the most special first: of those that match a path exactly the first decides. The rules are
 * those that Vault documents ("Policies", section on priority matching), in their order: one has lower priority whose first `+` or `*` stands earlier;
 * that ends in `*`; that has more segments `+`; that is shorter; that is lexicographically smaller. Bytes count, as there.
 */
export function bySpeciality(one: string, other: string): number {
  const [first, second] = [firstWildcard(one), firstWildcard(other)];
  if (first !== second) return first > second ? -1 : 1;
  const [oneEnds, otherEnds] = [one.endsWith("*"), other.endsWith("*")];
  if (oneEnds !== otherEnds) return oneEnds ? 1 : -1;
  const pluses = plusCount(one) - plusCount(other);
  if (pluses !== 0) return pluses;
  const [oneBytes, otherBytes] = [Buffer.from(one), Buffer.from(other)];
  if (oneBytes.length !== otherBytes.length) return otherBytes.length - oneBytes.length;
  return Buffer.compare(otherBytes, oneBytes);
}
