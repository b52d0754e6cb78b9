import type { JsonValue } from "@bufbuild/protobuf";
import {
  type HelpField,
  SecretService,
  type SecretServiceHelpResponse,
} from "../../gen/leasehold/v1/secrets_pb.ts";
import { withSession } from "./client.ts";
import type { Invocation } from "./command.ts";
import { escapeText } from "./escape.ts";
import { wrappedTableLines, wrapText } from "./wrap.ts";

/** Most characters of a line. */
const width = 96;

/** `leasehold path-help PATH`. */
export async function pathHelp(invocation: Invocation): Promise<number> {
  const path = invocation.arg("PATH");
  const help = await withSession(invocation, (session) =>
    session.call(SecretService.method.help, { path }, { doing: `explaining ${path}` }),
  );
  invocation.output.result(
    () => helpLines(help),
    () => helpDocument(help),
  );
  return 0;
}

/** Lays the help of a mount or a path out for reading: what it is, then what it can do and takes, or its paths. */
function helpLines({
  path,
  summary,
  description,
  operations,
  fields,
  paths,
}: SecretServiceHelpResponse): string[] {
  const isDescribed = description.trim() !== "" && description.trim() !== summary.trim();
  return [
    escapeText(path),
    ...indented(wrapText(summary, width - indent.length)),
    ...(isDescribed ? ["", ...indented(wrapText(description, width - indent.length))] : []),
    ...section(
      "Operations",
      operations.map(({ name, summary }) => [name, summary]),
    ),
    ...section(
      "Fields",
      fields.length > 0 ? [["Name", "Type", "Default", "Description"], ...fields.map(fieldCells)] : [],
    ),
    ...section(
      "Paths",
      paths.map(({ pattern, summary }) => [pattern, summary]),
    ),
  ];
}

function helpDocument({
  path,
  summary,
  description,
  operations,
  fields,
  paths,
}: SecretServiceHelpResponse): JsonValue {
  return {
    path,
    summary,
    description,
    operations: operations.map(({ name, summary }) => ({ name, summary })),
    fields: fields.map((field) => ({
      name: field.name,
      type: field.type,
      description: field.description,
      default: field.defaultValue || null,
      required: field.required,
      in_path: field.inPath,
      operations: field.operations,
    })),
    paths: paths.map(({ pattern, summary }) => ({ pattern, summary })),
  };
}

const indent = "  ";

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => (line === "" ? "" : indent + line));
}

function section(title: string, rows: readonly (readonly string[])[]): string[] {
  return rows.length > 0 ? ["", title, ...indented(wrappedTableLines(rows, width - indent.length))] : [];
}

function fieldCells(field: HelpField): string[] {
  const whenLeftOut = field.inPath ? "in the path" : field.required ? "required" : field.defaultValue || "-";
  return [field.name, field.type, whenLeftOut, field.description];
}
