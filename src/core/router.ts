import { didYouMean } from "./did-you-mean.ts";
import { CoreError, quote } from "./errors.ts";
import { invalidField } from "./field.ts";
import type { JsonObject } from "./json.ts";
import type { Operation, PathDefinition, PathOperation } from "./path.ts";

/** A path that was found, and the variable parts of it as text. */
export interface PathMatch {
  readonly definition: PathDefinition;
  readonly params: Readonly<Record<string, string>>;
}

/** The segments of a pattern, split once: every request asks for them. */
const segmentsOf = new Map<string, readonly string[]>();

function patternSegments(pattern: string): readonly string[] {
  let segments = segmentsOf.get(pattern);
  if (segments === undefined) {
    segments = pattern.replace(/\/$/, "").split("/");
    segmentsOf.set(pattern, segments);
  }
  return segments;
}

/** Matches the segments of a path against a pattern; answers the variable parts, or undefined. */
function matchPattern(pattern: string, given: readonly string[]): Record<string, string> | undefined {
  const wanted = patternSegments(pattern);
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    if (part.startsWith(":") && part.endsWith("*")) {
      const rest = given.slice(at).join("/");
      if (rest === "") return undefined;
      params[part.slice(1, -1)] = rest;
      return params;
    }
    const segment = given[at];
    if (segment === undefined) return undefined;
    if (part.startsWith(":")) params[part.slice(1)] = segment;
    else if (part !== segment) return undefined;
  }
  return given.length === wanted.length ? params : undefined;
}

/** Finds the first path of a backend that matches. */
export function findPath(paths: readonly PathDefinition[], path: string): PathMatch | undefined {
  const given = path.split("/");
  for (const definition of paths) {
    const params = matchPattern(definition.pattern, given);
    if (params) return { definition, params };
  }
  return undefined;
}

/** Finds the first path of a backend that matches. Throws `NO_SUCH_PATH`, naming the paths there are. */
export function routePath(paths: readonly PathDefinition[], path: string, mountPath: string): PathMatch {
  const match = findPath(paths, path);
  if (match) return match;
  const known = paths.map(({ pattern }) => `${mountPath}/${pattern}`).join(", ");
  throw new CoreError(
    "NO_SUCH_PATH",
    `There is no path ${quote(`${mountPath}/${path}`)}; the mount ${quote(mountPath)} has ${known}.`,
    { details: { path: `${mountPath}/${path}` } },
  );
}

/** Takes an operation of a path. Throws `UNSUPPORTED_OPERATION`, naming those there are. */
export function operationOf(
  definition: PathDefinition,
  name: Operation,
  fullPath: string,
): PathOperation<PathDefinition["params"], PathDefinition["fields"]> {
  const operation = definition.operations[name];
  if (operation) return operation;
  const names = Object.keys(definition.operations).join(", ");
  throw new CoreError(
    "UNSUPPORTED_OPERATION",
    `unsupported operation: ${quote(fullPath)} has no ${name}; it has ${names}`,
    {
      details: { path: fullPath, operation: name },
    },
  );
}

/** Reads the variable parts of a path by their fields. Throws `INVALID_FIELD`. */
export function parseParams({ definition, params }: PathMatch): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(definition.params).map(([name, field]) => [name, field.parse(params[name] ?? "", name)]),
  );
}

/**
 * Reads the fields of a request by their definitions. Throws `UNKNOWN_FIELD`
 * with what was probably meant, `INVALID_FIELD` for a field that is missing or
 * not supported, and what the field itself throws.
 */
export function parseFields(
  definition: PathDefinition,
  operation: PathOperation<PathDefinition["params"], PathDefinition["fields"]>,
  data: JsonObject,
): Record<string, unknown> {
  const takes = operation.takes ?? [];
  if (takes === "any") return {};
  for (const name of Object.keys(data)) {
    if (takes.includes(name)) continue;
    if (definition.unsupportedFields?.includes(name))
      throw invalidField(name, "is not supported yet. Leave it out.");
    throw unknownField(name, takes);
  }
  const values: Record<string, unknown> = {};
  for (const name of takes) {
    const field = definition.fields[name];
    const value = data[name];
    if (value !== undefined && value !== null) values[name] = field?.parse(value, name);
    else if (field?.isRequired) throw invalidField(name, `is missing: ${field.description}`);
  }
  return values;
}

function unknownField(name: string, takes: readonly string[]): CoreError {
  const meant = didYouMean(name, takes);
  const hint = meant
    ? `Did you mean ${quote(meant)}?`
    : takes.length > 0
      ? `The fields are ${takes.join(", ")}.`
      : "It takes no fields.";
  return new CoreError("UNKNOWN_FIELD", `Unknown field ${quote(name)}. ${hint}`, {
    details: { field: name.slice(0, 256), ...(meant ? { did_you_mean: meant } : {}) },
  });
}
