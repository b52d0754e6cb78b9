import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { UsageError } from "./errors.ts";
import type { Input } from "./input.ts";

/**
 * How deep lists and objects may lie in each other: a level costs up to three
 * nested messages on the wire, and protobuf readers stop at 100.
 */
const depthMax = 30;

/**
 * Turns the arguments after a path into fields.
 *
 * `k=v` is a string, and a repeated key makes a list; `k=@file` takes the text
 * of a file, `k=-` that of the standard input; `k=\@v` and `k=\-` are a literal
 * "@v" and "-". A single `@file.json` or `-` is a whole JSON object instead.
 * Throws a UsageError for anything else.
 */
export async function readAssignments(args: readonly string[], input: Input): Promise<JsonObject> {
  const whole = args.find((arg) => arg === "-" || arg.startsWith("@"));
  if (whole === undefined) return readPairs(args, input);
  if (args.length > 1) {
    throw new UsageError(`"${whole}" stands for the whole object, so nothing may be given beside it`);
  }
  const subject = whole === "-" ? 'the argument "-"' : `the argument "${whole}"`;
  const text = whole === "-" ? await input.stdin(subject) : await input.file(whole.slice(1), subject);
  return parseObject(text, subject);
}

async function readPairs(args: readonly string[], input: Input): Promise<JsonObject> {
  const values = new Map<string, string[]>();
  for (const arg of args) {
    const equals = arg.indexOf("=");
    // The text is not repeated: it may be a secret that lost its name.
    if (equals < 0) throw new UsageError('an argument after the path has no "="; write key=value');
    if (equals === 0)
      throw new UsageError('an argument after the path has no key before its "="; write key=value');
    const key = arg.slice(0, equals);
    const value = await readValue(key, arg.slice(equals + 1), input);
    const before = values.get(key);
    if (before) before.push(value);
    else values.set(key, [value]);
  }
  // fromEntries defines every key as an own one, "__proto__" included.
  return Object.fromEntries(
    Array.from(values, ([key, list]) => [key, list.length === 1 ? (list[0] ?? "") : list]),
  );
}

async function readValue(key: string, text: string, input: Input): Promise<string> {
  if (text === "-") return input.stdin(`the value of "${key}"`);
  if (text.startsWith("@")) return input.file(text.slice(1), `the value of "${key}"`);
  // One backslash is taken from in front, so that every text can be written.
  return /^\\+(?:@|-$)/.test(text) ? text.slice(1) : text;
}

/** Parses a JSON object. The parser's own message is not repeated, since it quotes the text. */
function parseObject(text: string, subject: string): JsonObject {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    throw new UsageError(`${subject} must hold a JSON object, and what it holds is not JSON`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`${subject} must hold a JSON object, such as {"key": "value"}`);
  }
  requireExact(value, "", 0);
  return value;
}

/** Refuses what a google.protobuf.Struct cannot carry unchanged: its numbers are doubles. */
function requireExact(value: JsonValue, name: string, depth: number): void {
  if (depth > depthMax) throw new UsageError(`"${name}" lies more than ${depthMax} levels deep`);
  if (
    typeof value === "number" &&
    (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
  ) {
    throw new UsageError(
      `"${name}" is a number beyond 2^53, which cannot be kept exactly; write it as a string, in quotes`,
    );
  }
  if (typeof value === "string") requireText(value, name);
  if (typeof value !== "object" || value === null) return;
  for (const [key, item] of Object.entries(value)) {
    const itemName = Array.isArray(value) ? `${name}[${key}]` : name === "" ? key : `${name}.${key}`;
    requireText(key, itemName);
    requireExact(item, itemName, depth + 1);
  }
}

/** JSON can carry half of a surrogate pair, which UTF-8 cannot. */
function requireText(text: string, name: string): void {
  if (!text.isWellFormed())
    throw new UsageError(`"${name}" holds half of a surrogate pair, which is no character`);
}
