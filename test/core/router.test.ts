import { describe, expect, test } from "vitest";
import { stringField } from "../../src/core/field.ts";
import { definePath, type PathDefinition } from "../../src/core/path.ts";
import { findPath, operationOf, parseFields, parseParams, routePath } from "../../src/core/router.ts";

const handle = async () => ({});
const name = stringField("Name.", { pattern: { regexp: /^[a-z]+$/, words: "small letters" } });

const path = (pattern: string, params: Record<string, typeof name> = {}): PathDefinition =>
  definePath({
    pattern,
    summary: "",
    description: "",
    params,
    fields: {
      region: stringField("The region."),
      policy_document: stringField("The policy."),
      note: stringField("For people.", { isRequired: true }),
    },
    unsupportedFields: ["session_tags"],
    operations: {
      read: { summary: "", handle },
      write: { summary: "", takes: ["region", "policy_document", "note"], handle },
      delete: { summary: "", takes: "any", handle },
    },
  });

const paths = [
  path("config"),
  path("roles/"),
  path("roles/:name", { name }),
  path("data/:name/versions/:version"),
  path("tree/:rest*"),
];

describe("findPath()", () => {
  test.each([
    ["config", "config", {}],
    ["roles", "roles/", {}],
    ["roles/deploy", "roles/:name", { name: "deploy" }],
    ["data/a/versions/3", "data/:name/versions/:version", { name: "a", version: "3" }],
    ["tree/a", "tree/:rest*", { rest: "a" }],
    ["tree/a/b/c", "tree/:rest*", { rest: "a/b/c" }],
  ])("finds %j as %j", (given, pattern, params) => {
    expect(findPath(paths, given)).toMatchObject({ definition: { pattern }, params });
  });

  test.each(["", "conf", "config/x", "roles/a/b", "data/a", "data/a/versions", "tree", "Config"])(
    "finds nothing for %j",
    (given) => {
      expect(findPath(paths, given)).toBeUndefined();
    },
  );

  test("finds the root of a mount by an empty pattern", () => {
    expect(findPath([path("")], "")).toBeDefined();
    expect(findPath([path(":rest*")], "")).toBeUndefined();
  });

  test("takes the first that matches", () => {
    const both = [path("roles/special"), path("roles/:name", { name })];
    expect(findPath(both, "roles/special")?.definition.pattern).toBe("roles/special");
  });
});

describe("routePath()", () => {
  test("names the paths there are where none matches", () => {
    expect(() => routePath(paths.slice(0, 2), "x/y", "aws")).toThrow(
      'There is no path "aws/x/y"; the mount "aws" has aws/config, aws/roles/.',
    );
  });
});

describe("operationOf()", () => {
  test("takes an operation there is", () => {
    expect(operationOf(path("config"), "read", "aws/config").handle).toBe(handle);
  });

  test("begins its refusal with the words that people look for", () => {
    expect(() => operationOf(path("config"), "list", "aws/config")).toThrow(
      'unsupported operation: "aws/config" has no list; it has read, write, delete',
    );
  });
});

describe("parseParams()", () => {
  test("reads the variable parts by their fields", () => {
    expect(parseParams(routePath(paths, "roles/deploy", "aws"))).toEqual({ name: "deploy" });
    expect(() => parseParams(routePath(paths, "roles/Deploy!", "aws"))).toThrow(
      'Field "name" must be small letters, not "Deploy!".',
    );
  });
});

describe("parseFields()", () => {
  const definition = path("config");
  const parse = (data: Record<string, string | null>, operation: "read" | "write" | "delete" = "write") =>
    parseFields(definition, operationOf(definition, operation, "aws/config"), data);

  test("reads what is given and leaves out what is not", () => {
    expect(parse({ note: "n", region: null })).toEqual({ note: "n" });
  });

  test.each([
    ["plicy_document", 'Unknown field "plicy_document". Did you mean "policy_document"?'],
    ["zone", 'Unknown field "zone". The fields are region, policy_document, note.'],
    ["constructor", 'Unknown field "constructor". The fields are region, policy_document, note.'],
    ["__proto__", 'Unknown field "__proto__". The fields are region, policy_document, note.'],
  ])("refuses %j, and helps", (field, problem) => {
    expect(() => parse({ note: "n", ...JSON.parse(`{"${field}":"x"}`) })).toThrow(problem);
  });

  test("says that an operation takes no fields", () => {
    expect(() => parse({ region: "x" }, "read")).toThrow('Unknown field "region". It takes no fields.');
  });

  test("refuses by name what is known and not supported", () => {
    expect(() => parse({ note: "n", session_tags: "x" })).toThrow(
      'Field "session_tags" is not supported yet. Leave it out.',
    );
  });

  test("refuses where a required field is missing", () => {
    expect(() => parse({})).toThrow('Field "note" is missing: For people.');
  });

  test("leaves the fields alone where an operation takes any", () => {
    expect(parse({ whatever: "x" }, "delete")).toEqual({});
  });
});
