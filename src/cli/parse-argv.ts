import { parseArgs } from "node:util";
import { didYouMean } from "../core/did-you-mean.ts";
import type { Command, Flags } from "./command.ts";
import { UsageError } from "./errors.ts";
import { usageLine } from "./help.ts";

/** A command line, taken apart. */
export type ParsedArgv =
  | { kind: "help"; topic: readonly string[]; given: GivenFlags }
  | { kind: "version"; given: GivenFlags }
  | { kind: "command"; command: Command; args: readonly string[]; given: GivenFlags };

/** Values of the flags that were given, by name; a switch has none. */
export type GivenFlags = ReadonlyMap<string, readonly string[]>;

type Table = { commands: readonly Command[]; globalFlags: Flags };

/**
 * Takes a command line apart. Flags may stand anywhere, before the command too.
 * `--help` and `--version` win over whatever else is given. Throws a UsageError
 * for what the table does not know.
 */
export function parseArgv(argv: readonly string[], { commands, globalFlags }: Table): ParsedArgv {
  const { positionals, options } = tokenize(argv, [globalFlags, ...commands.map(({ flags }) => flags ?? {})]);
  const given = new Map(
    options.map(({ name }) => [
      name,
      options.flatMap((o) => (o.name === name && o.value !== undefined ? [o.value] : [])),
    ]),
  );

  if (positionals[0] === "help") return { kind: "help", topic: positionals.slice(1), given };
  if (given.has("help")) return { kind: "help", topic: matchingTopic(positionals, commands), given };
  if (given.has("version")) return { kind: "version", given };

  const command = findCommand(positionals, commands);
  const args = positionals.slice(command.name.split(" ").length);
  checkFlags(options, { ...globalFlags, ...command.flags }, command);
  checkArguments(args, command);
  return { kind: "command", command, args, given };
}

type Option = { name: string; rawName: string; value: string | undefined; isInline: boolean };

/** Splits into words and flags. A flag takes a value where any command's flag of that name does: names mean the same everywhere. */
function tokenize(
  argv: readonly string[],
  flagSets: readonly Flags[],
): { positionals: string[]; options: Option[] } {
  const declared = flagSets.flatMap((flags) => Object.entries(flags));
  const { tokens } = parseArgs({
    args: [...argv],
    options: {
      ...Object.fromEntries(
        declared.map(([name, flag]) => [name, { type: flag.value ? "string" : "boolean" } as const]),
      ),
      help: { type: "boolean", short: "h" },
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const options: Option[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind === "option") {
      options.push({
        name: token.name,
        rawName: token.rawName,
        value: token.value,
        isInline: token.inlineValue === true,
      });
    }
  }
  return { positionals, options };
}

function findCommand(words: readonly string[], commands: readonly Command[]): Command {
  const [first, second] = words;
  if (first === undefined) throw new UsageError("no command is given", overviewHint);
  const found = commands.find(({ name }) => name.split(" ").every((word, index) => word === words[index]));
  if (found) return found;
  const siblings = commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [`"${name}"`] : []));
  if (siblings.length === 0) {
    const meant = didYouMean(
      first,
      commands.map(({ name }) => name),
    );
    throw new UsageError(
      `there is no command "${first}"${meant ? `; there is "${meant}"` : ""}`,
      overviewHint,
    );
  }
  const problem =
    second === undefined ? `"${first}" alone is no command` : `there is no command "${first} ${second}"`;
  throw new UsageError(`${problem}; there is ${siblings.join(", ")}`, overviewHint);
}

/** As many of the words as name a command or a group, so that `read aws/x --help` shows the help of `read`. */
function matchingTopic(words: readonly string[], commands: readonly Command[]): readonly string[] {
  const [first = "", second] = words;
  if (commands.some(({ name }) => name === `${first} ${second}`)) return words.slice(0, 2);
  return words.slice(0, 1);
}

function checkFlags(options: readonly Option[], known: Flags, command: Command): void {
  const seen = new Set<string>();
  for (const { name, rawName, value, isInline } of options) {
    const flag = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!flag) {
      const meant = didYouMean(name, Object.keys(known));
      throw misuse(command, `"${command.name}" has no flag ${rawName}${meant ? `; it has --${meant}` : ""}`);
    }
    if (flag.value && (value === undefined || (!isInline && value.startsWith("-") && value !== "-"))) {
      throw misuse(command, `${rawName} needs a value: ${rawName} ${flag.value}`);
    }
    if (!flag.value && isInline) throw misuse(command, `${rawName} takes no value`);
    if (seen.has(name) && !flag.isRepeatable) throw misuse(command, `${rawName} is given twice`);
    seen.add(name);
  }
}

function checkArguments(values: readonly string[], command: Command): void {
  const { name, args } = command;
  for (const [index, argument] of args.entries()) {
    if (argument.isRest) return;
    const value = values[index];
    if (value === undefined && !argument.isOptional)
      throw misuse(command, `"${name}" needs ${argument.name}`);
    if (value === "" && !argument.isOptional) throw misuse(command, `${argument.name} of "${name}" is empty`);
  }
  // The words are not repeated: one may be a secret.
  const extra = values.length - args.length;
  if (extra > 0) throw misuse(command, `"${name}" has ${extra} argument${extra === 1 ? "" : "s"} too many`);
}

const overviewHint = 'Run "leasehold help" for the commands and what they do.';

function misuse(command: Command, problem: string): UsageError {
  return new UsageError(problem, `Usage: ${usageLine(command)}`);
}
