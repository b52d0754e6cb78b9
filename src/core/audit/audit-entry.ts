import type { Caller } from "../caller.ts";
import { CoreError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { RequestContext } from "../requests.ts";
import { auditFacts, clearText } from "./audit-facts.ts";
import type { SinkHash } from "./sink-hash.ts";

/** What is being done, and by whom. */
export interface AuditedCall {
  readonly operation: string;
  readonly input: object;
  readonly context: Pick<RequestContext, "peer" | "requestId">;
  /** Undefined where nobody is known: a login, or a token that is not. */
  readonly caller: Caller | undefined;
}

/** One thing to write down: a call as it came, or what came of it. */
export interface AuditEntry {
  readonly type: "request" | "response";
  readonly atMs: number;
  readonly call: AuditedCall;
  /** What was answered; absent from requests, and from what failed. */
  readonly output?: object | undefined;
  /** What it failed with. */
  readonly error?: unknown;
}

/** A call with more values is written with one digest for them all. */
const valuesMax = 1000;
/** The same where nobody is known: a digest takes far more room than a short value, and anybody can send those. */
const strangersValuesMax = 20;

/** What is written to a sink about itself; `lost` says how many lines before it could not be written. */
export type SinkNotice = { readonly notice: "enabled" } | { readonly notice: "lost"; readonly lines: number };

/** A notice as a line of JSON, with a newline at its end. */
export function noticeLine(atMs: number, sink: string, notice: SinkNotice): string {
  return `${JSON.stringify({ time: new Date(atMs).toISOString(), type: "notice", sink, ...notice })}\n`;
}

/** Details are no secrets, and may repeat a text of any length that was sent. */
function errorFacts(error: unknown, hash: SinkHash): JsonObject {
  if (!(error instanceof CoreError)) return { error: "INTERNAL" };
  const details = Object.entries(error.details).map(
    ([name, value]) => [name, clearText(value, hash)] as const,
  );
  return { error: error.code, ...(details.length > 0 && { error_details: Object.fromEntries(details) }) };
}

function callerFacts({ id, name, policies, metadata }: Caller): JsonObject {
  return { id, name, policies: [...policies], metadata: { ...metadata } };
}

/** An entry as a line of JSON for a sink, with a newline at its end. What may be secret stands there as its digest. */
export function auditLine(entry: AuditEntry, hash: SinkHash): string {
  const { type, atMs, call, output, error } = entry;
  const { operation, input, context, caller } = call;
  const options = { hash, valuesMax: caller ? valuesMax : strangersValuesMax };
  return `${JSON.stringify({
    time: new Date(atMs).toISOString(),
    type,
    request_id: context.requestId,
    operation,
    ...(caller && { caller: callerFacts(caller) }),
    peer: context.peer,
    input: auditFacts(input, options),
    ...(output && { output: auditFacts(output, { hash, valuesMax }) }),
    ...(error !== undefined && errorFacts(error, hash)),
  })}\n`;
}
