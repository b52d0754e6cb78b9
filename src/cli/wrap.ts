import { escapeText } from "./escape.ts";
import { tableLines } from "./output.ts";

/**
 * Breaks text at spaces into lines of at most `width` characters. The line
 * breaks of the text stay; a word that is longer has a line of its own. Every
 * line is escaped.
 */
export function wrapText(text: string, width: number): string[] {
  return text
    .trimEnd()
    .split("\n")
    .flatMap((paragraph) => wrapParagraph(escapeText(paragraph), width));
}

/** Least room that the last column of a table gets, so that long names do not press its text into a thread. */
const lastWidthMin = 30;

/** Lays rows out like `tableLines`, with the last column wrapped so that lines have about `width` characters at most. */
export function wrappedTableLines(rows: readonly (readonly string[])[], width: number): string[] {
  const fixed = rows.map((row) => row.slice(0, -1));
  const fixedWidth = Math.max(
    0,
    ...tableLines(fixed.map((row) => [...row, "|"])).map((line) => line.length - 1),
  );
  const lastWidth = Math.max(lastWidthMin, width - fixedWidth);
  return tableLines(
    rows.flatMap((row) => {
      const lines = wrapText(row.at(-1) ?? "", lastWidth);
      return lines.map((line, index) => [...row.slice(0, -1).map((cell) => (index === 0 ? cell : "")), line]);
    }),
  );
}

function wrapParagraph(paragraph: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of paragraph.split(" ").filter((each) => each !== "")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
