import { Code } from "@connectrpc/connect";
import { CoreError, type ErrorCode } from "../core/errors.ts";
import type { WireError } from "./errors.ts";
import type { Log } from "./log.ts";

/** What the log says of a call once it is over; neither data nor tokens. */
interface FinishedCall {
  /** `leasehold.v1.SecretService/Read` */
  readonly rpc: string;
  /** Name of the status code: `OK`, `NotFound`. */
  readonly code: string;
  /** Why it failed; undefined where it did not. */
  readonly reason: ErrorCode | undefined;
  /** How many messages a stream carried; undefined where the RPC answers with a single one. */
  readonly messages: number | undefined;
  readonly durationMs: number;
  readonly peer: string;
  readonly requestId: string;
}

/** A call that is over. */
export interface CallEnd extends Pick<FinishedCall, "rpc" | "messages" | "peer" | "requestId"> {
  /** When it began, by `performance.now()`. */
  readonly startedMs: number;
  /** What its caller was told; undefined where it went well. */
  readonly error: WireError | undefined;
  /** What the error was made from. */
  readonly thrown: unknown;
}

/**
 * Writes the one line of a call. A bug is `error`, a refusal `info`, success
 * `debug`; a stream is `info` however it ended, since most end by a hang-up.
 */
export function logCall(log: Log, end: CallEnd): void {
  const { error, thrown, startedMs, messages, ...rest } = end;
  const isStream = messages !== undefined;
  if (error === undefined && !isStream && !log.isLevelEnabled("debug")) return;
  const facts: FinishedCall = {
    ...rest,
    code: error === undefined ? "OK" : (Code[error.code] ?? String(error.code)),
    reason: error?.errorCode,
    messages,
    durationMs: Math.round((performance.now() - startedMs) * 1000) / 1000,
  };
  if (error?.errorCode === "INTERNAL") log.error({ ...facts, err: thrown }, "call failed");
  else if (error?.errorCode === "DATA_CORRUPTED")
    log.error({ ...facts, problem: error.message }, "call found what somebody has changed in redis");
  else if (error?.errorCode === "LOGIN_FAILED")
    // Its caller is told nothing of why.
    log.info({ ...facts, why: causeOf(thrown) }, "login refused");
  else if (isStream) log.info(facts, "stream ended");
  else if (error === undefined) log.debug(facts, "call finished");
  else log.info(facts, "call refused");
}

function causeOf(thrown: unknown): string | undefined {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause instanceof Error ? cause.message : undefined;
}

/** Writes what a handler threw after its call had ended, where that is a bug. */
export function logLate(
  log: Log,
  late: unknown,
  call: { readonly rpc: string; readonly requestId: string },
): void {
  const isAbort = late instanceof Error && late.name === "AbortError";
  if (late instanceof CoreError || isAbort) return;
  log.error({ ...call, err: late }, "handler failed after its call had ended");
}
