import { formatDuration, parseDuration } from "./duration.ts";
import { CoreError, quote } from "./errors.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json.ts";

/** Types a field can have, by the names that help shows. */
export type FieldType = "string" | "duration" | "int" | "bool" | "list" | "map" | "json";

/** One field of a path: how its value is read from a request, and what help says of it. */
export interface Field<Value> {
  readonly type: FieldType;
  readonly description: string;
  readonly isRequired: boolean;
  /** What help shows as the value where none is given; empty where there is none. */
  readonly defaultText: string;
  /** Reads a value as it came in the request. Throws `INVALID_FIELD` or `INVALID_POLICY`, naming the field; never shows a secret value. */
  parse(value: JsonValue, name: string): Value;
}

/** The fields of a path by name. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** The values of fields as a handler gets them: what was not given is undefined. */
export type FieldValues<F extends Fields> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer Value> ? Value | undefined : never;
};

interface FieldOptions {
  readonly isRequired?: boolean;
  readonly defaultText?: string;
}

/** The error for a value that a field cannot take. */
export function invalidField(name: string, problem: string): CoreError {
  return new CoreError("INVALID_FIELD", `Field ${quote(name)} ${problem}`, { details: { field: name } });
}

function shape(value: JsonValue): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function define<Value>(
  type: FieldType,
  description: string,
  options: FieldOptions,
  parse: (value: JsonValue, name: string) => Value,
): Field<Value> {
  return {
    type,
    description,
    isRequired: options.isRequired ?? false,
    defaultText: options.defaultText ?? "",
    parse,
  };
}

/** A piece of text. Numbers and booleans are taken as their text. */
export function stringField(
  description: string,
  options: FieldOptions & {
    /** Pattern that the whole value must match, and the words that describe it. */
    readonly pattern?: { readonly regexp: RegExp; readonly words: string };
    readonly allowed?: readonly string[];
    /** True keeps the value out of every error. */
    readonly isSecret?: boolean;
    readonly lengthMax?: number;
  } = {},
): Field<string> {
  const lengthMax = options.lengthMax ?? 4096;
  return define("string", description, options, (value, name) => {
    if (typeof value === "object") throw invalidField(name, `must be a string, not ${shape(value)}.`);
    const text = String(value);
    const shown = () => (options.isSecret ? "the value given" : quote(text));
    if (text.length > lengthMax)
      throw invalidField(name, `must be at most ${lengthMax} characters; it has ${text.length}.`);
    if (options.allowed && !options.allowed.includes(text)) {
      throw invalidField(name, `must be one of ${options.allowed.map(quote).join(", ")}, not ${shown()}.`);
    }
    if (options.pattern && !options.pattern.regexp.test(text)) {
      throw invalidField(name, `must be ${options.pattern.words}, not ${shown()}.`);
    }
    return text;
  });
}

/** A duration in milliseconds, given as seconds (`90`, `"90"`) or with units (`1h30m`). */
export function durationField(
  description: string,
  options: FieldOptions & { readonly minMs?: number } = {},
): Field<number> {
  const minMs = options.minMs ?? 0;
  return define("duration", description, options, (value, name) => {
    const ms = typeof value === "string" || typeof value === "number" ? parseDuration(value) : undefined;
    if (ms === undefined) {
      throw invalidField(
        name,
        `must be a duration such as 90 (seconds), "90s" or "1h30m", not ${shownValue(value)}.`,
      );
    }
    if (ms < minMs)
      throw invalidField(name, `must be at least ${formatDuration(minMs)}, not ${formatDuration(ms)}.`);
    return ms;
  });
}

/** A whole number within bounds. */
export function intField(
  description: string,
  options: FieldOptions & { readonly min: number; readonly max: number },
): Field<number> {
  return define("int", description, options, (value, name) => {
    const number = typeof value === "string" && /^-?\d{1,15}$/.test(value.trim()) ? Number(value) : value;
    if (
      typeof number !== "number" ||
      !Number.isInteger(number) ||
      number < options.min ||
      number > options.max
    ) {
      throw invalidField(
        name,
        `must be a whole number from ${options.min} to ${options.max}, not ${shownValue(value)}.`,
      );
    }
    return number;
  });
}

/** True or false, also as text. */
export function boolField(description: string, options: FieldOptions = {}): Field<boolean> {
  return define("bool", description, options, (value, name) => {
    if (value === true || value === "true") return true;
    if (value === false || value === "false") return false;
    throw invalidField(name, `must be true or false, not ${shownValue(value)}.`);
  });
}

/** A list of texts, given as a JSON array or as text with commas. Empty items are dropped. */
export function listField(
  description: string,
  options: FieldOptions & {
    readonly item?: { readonly regexp: RegExp; readonly words: string };
    readonly countMax?: number;
  } = {},
): Field<readonly string[]> {
  const countMax = options.countMax ?? 100;
  return define("list", description, options, (value, name) => {
    const items = typeof value === "string" ? value.split(",").map((item) => item.trim()) : value;
    if (!Array.isArray(items)) {
      throw invalidField(name, `must be a JSON array or a text with commas, not ${shape(value)}.`);
    }
    const texts = items.map((item: JsonValue) => {
      if (typeof item === "object")
        throw invalidField(name, `must hold texts only; it holds ${shape(item)}.`);
      return String(item);
    });
    const list = [...new Set(texts.filter((text) => text !== ""))];
    if (list.length > countMax)
      throw invalidField(name, `must hold at most ${countMax} items; it holds ${list.length}.`);
    for (const item of list) {
      if (options.item && !options.item.regexp.test(item)) {
        throw invalidField(name, `must hold ${options.item.words}, not ${quote(item)}.`);
      }
    }
    return list;
  });
}

/** Texts by name, given as a JSON object, as its text, or as `k=v` items like a list. */
export function mapField(
  description: string,
  options: FieldOptions & { readonly countMax?: number } = {},
): Field<Readonly<Record<string, string>>> {
  const countMax = options.countMax ?? 100;
  return define("map", description, options, (value, name) => {
    const entries = mapEntries(value, name);
    if (entries.length > countMax)
      throw invalidField(name, `must hold at most ${countMax} entries; it holds ${entries.length}.`);
    for (const [key, item] of entries) {
      if (typeof item === "object")
        throw invalidField(name, `must hold texts only; ${quote(key)} is ${shape(item)}.`);
    }
    return Object.fromEntries(entries.map(([key, item]) => [key, String(item)]));
  });
}

function mapEntries(value: JsonValue, name: string): readonly (readonly [string, JsonValue])[] {
  if (isJsonObject(value)) return Object.entries(value);
  if (typeof value === "string" && value.trimStart().startsWith("{"))
    return Object.entries(parseJsonObject(value, name));
  const items: readonly JsonValue[] = Array.isArray(value)
    ? value
    : typeof value === "string"
      ? value.split(",")
      : [null];
  return items
    .filter((item) => item !== "")
    .map((item) => {
      const at = typeof item === "string" ? item.indexOf("=") : -1;
      if (typeof item !== "string" || at < 1) {
        throw invalidField(name, 'must be a JSON object, or items of the form "key=value".');
      }
      return [item.slice(0, at).trim(), item.slice(at + 1).trim()] as const;
    });
}

/** A JSON object, given as such or as its text. `code` is what a malformed one is refused with. */
export function jsonField(
  description: string,
  options: FieldOptions & { readonly code?: "INVALID_FIELD" | "INVALID_POLICY" } = {},
): Field<JsonObject> {
  return define("json", description, options, (value, name) => {
    if (isJsonObject(value)) return value;
    if (typeof value === "string") return parseJsonObject(value, name, options.code);
    throw invalidJson(name, `must be a JSON object, not ${shape(value)}.`, options.code);
  });
}

function invalidJson(
  name: string,
  problem: string,
  code: "INVALID_FIELD" | "INVALID_POLICY" = "INVALID_FIELD",
): CoreError {
  return new CoreError(code, `Field ${quote(name)} ${problem}`, { details: { field: name } });
}

function parseJsonObject(text: string, name: string, code?: "INVALID_FIELD" | "INVALID_POLICY"): JsonObject {
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidJson(name, `is not JSON: ${jsonProblem(text, error)}.`, code);
  }
  if (!isJsonObject(value)) throw invalidJson(name, `must be a JSON object, not ${shape(value)}.`, code);
  return value;
}

/** Where a JSON text breaks, as line and column, without showing the text. */
function jsonProblem(text: string, error: unknown): string {
  const at = jsonBreak(text, error);
  if (at >= text.length) return `it ends too early, at position ${text.length}`;
  const before = text.slice(0, at).split("\n");
  return `it breaks at line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1} (position ${at})`;
}

/** The position at which a JSON text breaks; its length where it only lacks its end. */
function jsonBreak(text: string, error: unknown): number {
  const message = error instanceof Error ? error.message : "";
  const found = /position (\d+)/.exec(message);
  if (found) return Number(found[1]);
  if (!message.includes("Unexpected token")) return text.length;
  // V8 names the token and not its position, so: the end of the longest start that is only unfinished.
  let unfinished = 0;
  let broken = text.length;
  while (broken - unfinished > 1) {
    const middle = Math.floor((unfinished + broken) / 2);
    if (isUnfinishedJson(text.slice(0, middle))) unfinished = middle;
    else broken = middle;
  }
  return unfinished;
}

function isUnfinishedJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const found = /position (\d+)/.exec(message);
    return found ? Number(found[1]) >= text.length : !message.includes("Unexpected token");
  }
}

function shownValue(value: JsonValue): string {
  return typeof value === "string" ? quote(value) : typeof value === "object" ? shape(value) : String(value);
}
