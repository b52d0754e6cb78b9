import type { JsonObject, JsonValue } from "../json.ts";
import { tokenTextsIn } from "../tokens/token-text.ts";
import type { SinkHash } from "./sink-hash.ts";

/** What is written of a clear text at most; a longer one is cut. */
const clearLengthMax = 1200;
/** A list with more items is written as their number. */
const itemsMax = 100;
/** What lies deeper is folded. */
const depthMax = 32;

/**
 * Names of what stands in the clear: what was asked for, and by which rule. Texts under any other name are written as their
 * HMAC, so that a field that is new is safe until somebody decides about it here.
 */
const clearNames: ReadonlySet<string> = new Set([
  "accessor",
  "accessors",
  "address",
  "caller",
  "capability",
  "displayName",
  "id",
  "kind",
  "leaseId",
  "mountType",
  "name",
  "names",
  "parent",
  "path",
  "pattern",
  "policies",
  "prefix",
  "role",
  "secretType",
  "state",
  "states",
  "type",
]);

/** What callers and backends fill as they like: below these no name tells what is a secret, and numbers may be one as well. */
const freeNames: ReadonlySet<string> = new Set(["data", "metadata", "parameters"]);

/** Below these callers choose the names: any text, and any number of them. */
const namedByCallers: ReadonlySet<string> = new Set([...freeNames, "options"]);

/** What is never written: it is for backends, and grows large. */
const leftOut: ReadonlySet<string> = new Set(["handle"]);

/** How the facts of a call are written. */
export interface FactsOptions {
  readonly hash: SinkHash;
  /** How many values are written one by one; where there are more, there is one HMAC of them all. */
  readonly valuesMax: number;
}

/** The input or the output of an operation as it stands in an audit line: secrets as HMACs, names in snake case. */
export function auditFacts(value: object, { hash, valuesMax }: FactsOptions): JsonObject {
  if (valuesLeft(value, valuesMax) <= 0) return { folded: hash(textOf(value)) };

  const shown = (item: unknown, name: string, isFree: boolean, depth: number): JsonValue | undefined => {
    if (typeof item === "string") return isFree || !clearNames.has(name) ? hash(item) : clearText(item, hash);
    if (typeof item === "number" || typeof item === "bigint") return isFree ? hash(`${item}`) : Number(item);
    if (typeof item === "boolean" || item === null) return item;
    if (typeof item !== "object" || Symbol.asyncIterator in item) return undefined;
    if (item instanceof Uint8Array) return hash(Buffer.from(item).toString("base64"));
    if (depth >= depthMax) return { folded: hash(textOf(item)) };
    if (!Array.isArray(item)) return members(item, isFree, depth + 1, namedByCallers.has(name));
    if (!isFree && item.length > itemsMax) return { count: item.length };
    return item.map((each) => shown(each, name, isFree, depth + 1) ?? null);
  };

  const members = (item: object, isFree: boolean, depth: number, isNamedByCaller: boolean): JsonObject => {
    // Names may be anything below free ones, "__proto__" among them.
    const found: [string, JsonValue][] = [];
    for (const [name, member] of Object.entries(item)) {
      if (!isFree && leftOut.has(name)) continue;
      const fact = shown(member, name, isFree || freeNames.has(name), depth);
      if (fact === undefined) continue;
      found.push([isFree || isNamedByCaller ? clearText(name, hash) : snakeCase(name), fact]);
    }
    return Object.fromEntries(found);
  };

  return Symbol.asyncIterator in value ? {} : members(value, false, 0, false);
}

/** A text that stands in the clear, cut where it is too long. A token in it, which somebody took for an accessor or so, is an HMAC. */
export function clearText(text: string, hash: SinkHash): string {
  const safe = text.replaceAll(tokenTextsIn, (token) => hash(token));
  return safe.length > clearLengthMax ? `${safe.slice(0, clearLengthMax)}...` : safe;
}

/** How much of `left` is not used up by the values in an item; lists that are written as a number, and bytes, count once. */
function valuesLeft(item: unknown, left: number, isFree = false): number {
  if (typeof item !== "object" || item === null || item instanceof Uint8Array) return left - 1;
  if (Array.isArray(item) && !isFree && item.length > itemsMax) return left - 1;
  let rest = left - 1;
  for (const [name, member] of Object.entries(item)) {
    rest = valuesLeft(member, rest, isFree || freeNames.has(name));
    if (rest <= 0) return rest;
  }
  return rest;
}

function textOf(item: object): string {
  return JSON.stringify(item, (_name, member: unknown) =>
    typeof member === "bigint" ? `${member}` : member,
  );
}

const snakeCased = new Map<string, string>();

/** The names are those of the operations, so that there are a few dozen of them. */
function snakeCase(name: string): string {
  const known = snakeCased.get(name);
  if (known !== undefined) return known;
  const made = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  snakeCased.set(name, made);
  return made;
}
