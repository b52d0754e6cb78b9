import type { JsonValue } from "@bufbuild/protobuf";
import { escapeText } from "./escape.ts";
import type { Io } from "./io.ts";
import type { Format } from "./settings.ts";

/** The gap between two columns. */
const gap = "  ";

/**
 * Lays rows out in columns as wide as their longest cell, with two spaces
 * between them and none at the end of a line. Cells are escaped.
 */
export function tableLines(rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map(escapeText));
  const widths: number[] = [];
  for (const row of cells) {
    for (const [column, cell] of row.entries()) {
      if (column < row.length - 1) widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  return cells.map((row) =>
    row
      .map((cell, column) => (column < row.length - 1 ? cell.padEnd(widths[column] ?? 0) : cell))
      .join(gap)
      .trimEnd(),
  );
}

/** Lays out names and values under the header `Key  Value`; a value that is no text is shown as compact JSON. */
export function keyValueLines(entries: Iterable<readonly [string, JsonValue]>): string[] {
  return tableLines([["Key", "Value"], ...Array.from(entries, ([key, value]) => [key, cellText(value)])]);
}

/** A value as it stands in a cell of a table. */
function cellText(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Writes a JSON document so that no character in it steers a terminal; a parser reads the same values. */
export function jsonText(document: JsonValue, indent?: number): string {
  return escapeOutsideNewlines(JSON.stringify(document, null, indent));
}

/** JSON.stringify escapes C0 itself, so the newlines that are left are its own. */
function escapeOutsideNewlines(text: string): string {
  return text.split("\n").map(escapeText).join("\n");
}

/** Prints what a command found, in the format that was asked for. */
export class Output {
  readonly format: Format;
  readonly #io: Io;

  constructor(io: Io, format: Format) {
    this.#io = io;
    this.format = format;
  }

  /**
   * Prints the result of a command to stdout: the lines, or the document where
   * JSON is asked for. Lines must be escaped already.
   */
  result(lines: () => readonly string[], document: () => JsonValue): void {
    if (this.format === "json") this.#io.stdout.write(`${jsonText(document(), 2)}\n`);
    else
      this.#io.stdout.write(
        lines()
          .map((line) => `${line}\n`)
          .join(""),
      );
  }

  /** Prints one of the results of a command that has many, as a line: text, or a JSON document. */
  resultLine(line: () => string, document: () => JsonValue): void {
    this.#io.stdout.write(`${this.format === "json" ? jsonText(document()) : line()}\n`);
  }

  /** Prints a remark to stderr that no document tells: a line of text, or one of JSON. */
  notice(text: string): void {
    this.#io.stderr.write(`${this.format === "json" ? jsonText({ notice: text }) : escapeText(text)}\n`);
  }

  /** Prints warnings of the server to stderr; in JSON they are part of the document instead. */
  warnings(warnings: readonly string[]): void {
    for (const warning of warnings) this.note(`Warning: ${warning}`);
  }

  /** Prints a remark to stderr; nothing where JSON is asked for, whose document says it all. */
  note(text: string): void {
    if (this.format === "table") this.#io.stderr.write(`${escapeText(text)}\n`);
  }
}
