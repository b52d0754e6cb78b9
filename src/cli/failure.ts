import type { JsonValue } from "@bufbuild/protobuf";
import { CallError, UnfinishedError, UsageError } from "./errors.ts";
import { escapeText } from "./escape.ts";
import { jsonText, tableLines } from "./output.ts";
import type { Format } from "./settings.ts";

/** What to type next, for the reasons that a flag answers. */
const hints: ReadonlyMap<string, string> = new Map([
  ["NEEDS_FORCE", "Nothing was changed. Give --force to do it nevertheless."],
]);

/** The exit code of a failure: 2 for wrong usage, 1 for everything else. */
export function exitCode(error: unknown): number {
  return error instanceof UsageError ? 2 : 1;
}

/**
 * What is printed to stderr for a failure: one line, or in JSON one object
 * `{"error": {"code", "reason", "message", "metadata"}}`. Only an unsupported
 * operation shows its RPC, status code and reason in lines of their own, since
 * there a person wonders what was asked of the server; and a line on what to
 * type follows where there is a flag for it.
 */
export function failureText(error: unknown, format: Format): string {
  if (format === "json") return `${jsonText({ error: failureDocument(error) })}\n`;
  return `${failureLines(error).join("\n")}\n`;
}

function failureLines(error: unknown): string[] {
  if (error instanceof UsageError) {
    const line = escapeText(`Error: ${error.message}.`);
    return error.hint === undefined ? [line] : [line, escapeText(error.hint)];
  }
  if (error instanceof CallError) {
    const { doing, rpc, code, reason } = error.facts;
    const hint = reason === undefined ? undefined : hints.get(reason);
    if (reason !== "UNSUPPORTED_OPERATION")
      return [escapeText(`Error ${doing}: ${error.message}`), ...(hint === undefined ? [] : [hint])];
    const details = [
      ["rpc", rpc],
      ["code", code],
      ["reason", reason],
      ["detail", error.message],
    ];
    return [
      escapeText(`Error ${doing}: unsupported operation`),
      ...tableLines(details).map((line) => `  ${line}`),
    ];
  }
  if (error instanceof UnfinishedError) return [escapeText(`Error ${error.message}`)];
  // A bug of the command line: where it happened is what a report needs.
  return [`Error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
}

function failureDocument(error: unknown): JsonValue {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CallError) {
    const { code, reason, metadata } = error.facts;
    return { code, reason: reason ?? null, message, metadata };
  }
  const code =
    error instanceof UsageError ? "usage" : error instanceof UnfinishedError ? "unfinished" : "internal";
  return { code, reason: null, message, metadata: {} };
}
