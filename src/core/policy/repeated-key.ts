const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

/**
 * Finds a key that stands twice in one object of a text that is JSON; undefined where none does. `JSON.parse` keeps the last of
 * them and says nothing, so a rule that denies would be lost to one with the same path further down.
 */
export function findRepeatedKey(json: string): string | undefined {
  // One entry for each object or array that is open; an array has no keys.
  const open: (Set<string> | undefined)[] = [];
  let text = "";
  for (const [found] of json.matchAll(token)) {
    if (found === "{") open.push(new Set());
    else if (found === "[") open.push(undefined);
    else if (found === "}" || found === "]") open.pop();
    else if (found !== ":") text = found;
    else {
      // Only a key is followed by a colon. It may be written with escapes.
      const key = String(JSON.parse(text));
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}
