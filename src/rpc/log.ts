import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from "pino";

/** The log of the server: one JSON object a line. */
export type Log = Logger;

// A second line of defence: no call site logs any of these.
const secretNames = ["token", "authorization", "data", "secret_key", "access_key", "password"];

interface ErrorFacts {
  readonly type: string;
  readonly message: string;
  readonly stack: readonly string[];
  readonly cause?: ErrorFacts;
}

/**
 * What the log shows of an error: type, message, stack, causes. Other
 * properties stay out, since clients of other systems hang whole commands and
 * requests on their errors; so does the message of a `SyntaxError`, in which
 * `JSON.parse` quotes its input.
 */
export function errorFacts(error: unknown, depth = 0): ErrorFacts {
  if (!(error instanceof Error)) return { type: typeof error, message: "not an Error", stack: [] };
  const facts = {
    type: error.name,
    message: error instanceof SyntaxError ? "withheld" : error.message,
    stack: (error.stack ?? "")
      .split("\n")
      .filter((line) => /^\s+at /.test(line))
      .map((line) => line.trim()),
  };
  return error.cause === undefined || depth >= 3
    ? facts
    : { ...facts, cause: errorFacts(error.cause, depth + 1) };
}

/** Opens a log on stderr, or on another stream. A finished call is `debug`, a refused one `info`, a bug `error`. */
export function createLog(options: { readonly level: string; readonly stream?: DestinationStream }): Log {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => errorFacts(error) },
      redact: { paths: [...secretNames, ...secretNames.map((name) => `*.${name}`)], censor: "[redacted]" },
    },
    options.stream ?? destination({ fd: 2, sync: true }),
  );
}
