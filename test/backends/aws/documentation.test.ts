import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { awsBackend } from "../../../src/backends/aws/aws-backend.ts";
import { mountBackend } from "./mounted-aws.ts";

const text = await readFile(new URL("../../../docs/backends/aws.md", import.meta.url), "utf8");

const inCode = (cell = ""): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);

/** Rows of the tables in a part of the document, each as its cells. */
function rowsOf(part: string): string[][] {
  return part
    .split("\n")
    .filter((line) => line.startsWith("|") && !/^\|\s*-/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).slice(1, -1));
}

/** The text below a heading that names a path in code, up to the next heading. */
function sectionOf(pattern: string): string {
  const [, after = ""] = text.split(
    new RegExp(`^### [^\\n]*\`${pattern.replaceAll("*", "\\*")}\`[^\\n]*$`, "m"),
  );
  return after.split(/^#{2,4} /m)[0] ?? "";
}

/** What the document says of paths: operations and fields. */
const documented = new Map(
  rowsOf(/^## Paths$(.*?)^### /ms.exec(text)?.[1] ?? "")
    .slice(1)
    .flatMap(([paths, operations = "", fields = ""]) =>
      inCode(paths).map((pattern) => {
        const [taken = ""] = fields.split("→");
        const own = taken.includes("see below")
          ? rowsOf(sectionOf(pattern))
              .slice(1)
              .flatMap(([names]) => inCode(names))
          : inCode(taken);
        return [pattern, { operations: operations.trim().split(/,\s*/), fields: own }] as const;
      }),
    ),
);

/** Fields of roles that have another name today. */
const oldNames = ["policy", "arn"];

const { paths } = mountBackend(awsBackend({ consistencyMs: 0 }), "aws");
const sorted = (names: Iterable<string>): string[] => [...new Set(names)].sort();

describe("docs/backends/aws.md", () => {
  it("names every path, and none that is not there", () => {
    expect(sorted(documented.keys())).toEqual(sorted(paths.map(({ pattern }) => pattern)));
  });

  it.for(paths)("names the operations of $pattern", ({ pattern, operations }) => {
    expect(sorted(documented.get(pattern)?.operations ?? [])).toEqual(sorted(Object.keys(operations)));
  });

  it.for(paths)("names the fields of $pattern, and none that is not there", ({ pattern, fields }) => {
    const current = Object.keys(fields).filter((name) => !oldNames.includes(name));
    expect(sorted(documented.get(pattern)?.fields ?? [])).toEqual(sorted(current));
  });

  it("says what stands in place of an old name", () => {
    for (const name of oldNames) expect(sectionOf("roles/:name")).toContain(`\`${name}\``);
  });
});
