import type { Command, Invocation } from "./command.ts";
import { commands, globalFlags } from "./commands.ts";
import { exitCode, failureText } from "./failure.ts";
import { helpText, version } from "./help.ts";
import type { Io } from "./io.ts";
import { Output } from "./output.ts";
import { type ParsedArgv, parseArgv } from "./parse-argv.ts";
import { type Format, type GlobalFlags, readFormat, readSettings } from "./settings.ts";

/**
 * Runs one command line, without the words that started the process, and answers
 * the exit code: 0 done, 1 refused or failed, 2 wrong usage. Data goes to
 * `io.stdout`, talk to `io.stderr`; nothing is thrown.
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let format: Format = "table";
  try {
    const parsed = parseArgv(argv, { commands, globalFlags });
    if (parsed.kind === "help") {
      io.stdout.write(`${helpText(parsed.topic, { commands, globalFlags })}\n`);
      return 0;
    }
    if (parsed.kind === "version") {
      io.stdout.write(`leasehold ${version()}\n`);
      return 0;
    }
    format = readFormat(givenGlobals(parsed), io.env);
    return await parsed.command.run(invocationOf(parsed, { io, format }));
  } catch (error) {
    io.stderr.write(failureText(error, format));
    return exitCode(error);
  }
}

type ParsedCommand = Extract<ParsedArgv, { kind: "command" }>;

function invocationOf(parsed: ParsedCommand, { io, format }: { io: Io; format: Format }): Invocation {
  const { command, args, given } = parsed;
  return {
    arg: (name) => args[argumentIndex(command, name)] ?? "",
    rest: args.slice(command.args.filter(({ isRest }) => !isRest).length),
    flags: given,
    settings: () => readSettings(givenGlobals(parsed), io),
    output: new Output(io, format),
    io,
  };
}

function argumentIndex(command: Command, name: string): number {
  const index = command.args.findIndex((argument) => argument.name === name);
  if (index < 0) throw new Error(`the command "${command.name}" declares no argument ${name}`);
  return index;
}

function givenGlobals({ given }: ParsedArgv): GlobalFlags {
  return Object.fromEntries(
    Object.keys(globalFlags).flatMap((name) => given.get(name)?.map((value) => [name, value]) ?? []),
  );
}
