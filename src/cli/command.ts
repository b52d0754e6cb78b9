import type { Io } from "./io.ts";
import type { Output } from "./output.ts";
import type { Settings } from "./settings.ts";

/** An argument of a command, in the order of the list it stands in. */
export type Argument = {
  /** Name as usage shows it: `PATH`. */
  name: string;
  /** Whether it may be left out. */
  isOptional?: true;
  /** Whether it takes all arguments that are left; only the last one does. */
  isRest?: true;
};

/** A flag of a command. */
export type Flag = {
  /** What its value stands for, as usage shows it: `DURATION`; absent for a switch. */
  value?: string;
  /** What it does, in a few words. */
  summary: string;
  /** Whether it may be given several times. */
  isRepeatable?: true;
};

/** The flags of a command by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** One command: the whole of what its parsing, its usage and its help are made from. */
export type Command = {
  /** The words that call it: `lease list`. */
  name: string;
  args: readonly Argument[];
  flags?: Flags;
  /** What it does, in a sentence. */
  summary: string;
  /** More about it: lines of text, as they are shown. */
  details?: string;
  /** Does it, and answers the exit code. */
  run(invocation: Invocation): Promise<number>;
};

/** One call of a command, parsed. */
export type Invocation = {
  /** Value of an argument; empty where an optional one was left out. */
  arg(name: string): string;
  /** The values of the argument that takes all that are left. */
  rest: readonly string[];
  /** Values of the flags that were given, by name; a switch has none. */
  flags: ReadonlyMap<string, readonly string[]>;
  /** Where the server is; throws a UsageError where the settings cannot be used. */
  settings(): Settings;
  output: Output;
  io: Io;
};

/** The value of a flag that is given at most once. */
export function flagValue({ flags }: Pick<Invocation, "flags">, name: string): string | undefined {
  return flags.get(name)?.[0];
}
