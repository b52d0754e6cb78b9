import { readFileSync } from "node:fs";
import type { Argument, Command, Flags } from "./command.ts";
import { UsageError } from "./errors.ts";
import { tableLines } from "./output.ts";

type Table = { commands: readonly Command[]; globalFlags: Flags };

/**
 * Tells how the command line, a group of commands (`lease`) or one command is
 * used. Throws a UsageError where there is nothing of that name.
 */
export function helpText(topic: readonly string[], table: Table): string {
  const name = topic.join(" ");
  const { commands, globalFlags } = table;
  if (name === "") return overview(commands, globalFlags);
  const command = commands.find((each) => each.name === name);
  if (command) return commandHelp(command, globalFlags);
  const group = commands.filter((each) => each.name.startsWith(`${name} `));
  if (group.length > 0) return [`Commands of "${name}":`, ...summaries(group), "", more].join("\n");
  throw new UsageError(`there is no command "${name}"`);
}

/** More flags than this are summed up in the usage line, which would not fit a terminal. */
const usageFlagsMax = 2;

/** One line on how a command is called: `leasehold renew LEASE_ID [--increment DURATION]`. */
export function usageLine({ name, args, flags = {} }: Command): string {
  const flagTexts = Object.entries(flags).map(([flag, { value }]) => `[${flagText(flag, value)}]`);
  const flagParts = flagTexts.length > usageFlagsMax ? ["[--FLAG...]"] : flagTexts;
  return ["leasehold", name, ...args.map(argumentText), ...flagParts].join(" ");
}

/** The version of the package. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest)
    return String(manifest.version);
  throw new Error("package.json names no version");
}

const more = 'Run "leasehold help COMMAND" for the arguments and flags of a command.';

function overview(commands: readonly Command[], globalFlags: Flags): string {
  return [
    "leasehold hands out credentials that end.",
    "",
    "Usage: leasehold COMMAND [ARGUMENT...] [--FLAG...]",
    "",
    "Commands:",
    ...summaries(commands),
    "",
    "Flags of every command, and the environment variable and default of each:",
    ...flagLines(globalFlags),
    "",
    "Exit code: 0 done, 1 refused or failed, 2 wrong usage.",
    more,
  ].join("\n");
}

function commandHelp(command: Command, globalFlags: Flags): string {
  const { summary, details, flags } = command;
  return [
    `Usage: ${usageLine(command)}`,
    "",
    summary,
    ...(details ? ["", details] : []),
    ...(flags ? ["", "Flags:", ...flagLines(flags)] : []),
    "",
    "Flags of every command:",
    ...flagLines(globalFlags),
  ].join("\n");
}

function summaries(commands: readonly Command[]): string[] {
  return tableLines(commands.map(({ name, summary }) => [name, summary])).map((line) => `  ${line}`);
}

function flagLines(flags: Flags): string[] {
  const rows = Object.entries(flags).map(([name, { value, summary }]) => [flagText(name, value), summary]);
  return tableLines(rows).map((line) => `  ${line}`);
}

function flagText(name: string, value: string | undefined): string {
  return value ? `--${name} ${value}` : `--${name}`;
}

function argumentText({ name, isOptional, isRest }: Argument): string {
  const text = isRest ? `${name}...` : name;
  return isOptional ? `[${text}]` : text;
}
