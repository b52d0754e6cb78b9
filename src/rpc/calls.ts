import { randomUUID } from "node:crypto";
import type { Message } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { CoreError, type ErrorCode } from "../core/errors.ts";
import type { Caller } from "./caller.ts";
import { toWireError, type WireError } from "./errors.ts";
import type { RpcLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Route } from "./route.ts";
import type { CheckRules } from "./validation.ts";

/** What the log says of a call once it is over; neither data nor tokens. */
interface FinishedCall {
  /** `leasehold.v1.SecretService/Read` */
  readonly rpc: string;
  /** Name of the status code: `OK`, `NotFound`. */
  readonly code: string;
  /** Why it failed; undefined where it did not. */
  readonly reason: ErrorCode | undefined;
  readonly durationMs: number;
  readonly peer: string;
  readonly requestId: string;
}

/** How a stack reads the request and writes the response; what these throw is answered like any other error. */
export interface Codec<Reply> {
  readonly decode: () => Message;
  readonly encode: (response: Message) => Reply;
}

/** What came of a call. */
export type Outcome<Reply> =
  | { readonly error: undefined; readonly reply: Reply }
  | { readonly error: WireError };

/** Options of `Calls`. */
export interface CallsOptions {
  readonly log: Log;
  readonly limits: Pick<RpcLimits, "defaultDeadlineMs" | "maxDeadlineMs">;
  readonly checkRules: CheckRules;
}

// Timers may fire a little before the time they were set for.
const timerSlackMs = 5;

const hungUp = () => new CoreError("CANCELLED", "The caller hung up.");

const deadlinePassed = () =>
  new CoreError("DEADLINE_EXCEEDED", "The deadline of the call passed before the answer was there.");

/**
 * Runs the calls of both stacks: deadline, cancellation, rules, handler,
 * errors, and the one log line. A call is over for its caller as soon as the
 * deadline passes; its handler hears of it by its signal.
 */
export class Calls {
  readonly #options: CallsOptions;
  readonly #idleListeners = new Set<() => void>();
  #inFlight = 0;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Answers a call; it never rejects. */
  async run<Reply>(route: Route, caller: Caller, codec: Codec<Reply>): Promise<Outcome<Reply>> {
    const requestId = randomUUID();
    const startedMs = performance.now();
    this.#inFlight++;
    try {
      const reply = codec.encode(await this.#handle(route, caller, { requestId, decode: codec.decode }));
      this.#finished({ route, caller, requestId, startedMs }, undefined, undefined);
      return { error: undefined, reply };
    } catch (thrown) {
      const error = toWireError(thrown, requestId);
      this.#finished({ route, caller, requestId, startedMs }, error, thrown);
      return { error };
    } finally {
      this.#inFlight--;
      if (this.#inFlight === 0) for (const listener of this.#idleListeners) listener();
    }
  }

  /** Resolves once no call is in flight. */
  async whenIdle(): Promise<void> {
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      const listener = () => {
        this.#idleListeners.delete(listener);
        resolve();
      };
      this.#idleListeners.add(listener);
    });
  }

  async #handle(
    route: Route,
    caller: Caller,
    call: { readonly requestId: string; readonly decode: () => Message },
  ): Promise<Message> {
    const { limits, checkRules } = this.#options;
    const { requestId } = call;
    const nowMs = Date.now();
    const wantedMs = Number.isFinite(caller.deadlineMs)
      ? caller.deadlineMs
      : nowMs + limits.defaultDeadlineMs;
    const deadlineMs = Math.min(wantedMs, nowMs + limits.maxDeadlineMs);
    const controller = new AbortController();
    const ended = Promise.withResolvers<never>();
    let work: Promise<Message> | undefined;
    let isOver = false;
    const end = (reason: CoreError) => {
      if (isOver) return;
      isOver = true;
      controller.abort(reason);
      if (work === undefined) return;
      work.catch((late: unknown) => this.#logLate(late, { rpc: route.rpc, requestId }));
      ended.reject(reason);
    };
    caller.onHangUp(() => {
      if (!isOver) end(Date.now() + timerSlackMs >= deadlineMs ? deadlinePassed() : hungUp());
    });
    controller.signal.throwIfAborted();
    const timer = setTimeout(() => end(deadlinePassed()), deadlineMs - nowMs);
    try {
      const request = call.decode();
      checkRules(route.method.input, request);
      const { token, peer } = caller;
      work = route.handle(request, { token, signal: controller.signal, deadlineMs, peer, requestId });
      return await Promise.race([work, ended.promise]);
    } finally {
      isOver = true;
      clearTimeout(timer);
    }
  }

  /** Nobody waits for a handler whose call has ended; its bugs must show nevertheless. */
  #logLate(late: unknown, call: { readonly rpc: string; readonly requestId: string }): void {
    const isAbort = late instanceof Error && late.name === "AbortError";
    if (late instanceof CoreError || isAbort) return;
    this.#options.log.error({ ...call, err: late }, "handler failed after its call had ended");
  }

  #finished(
    call: {
      readonly route: Route;
      readonly caller: Caller;
      readonly requestId: string;
      readonly startedMs: number;
    },
    error: WireError | undefined,
    thrown: unknown,
  ): void {
    const { log } = this.#options;
    if (error === undefined && !log.isLevelEnabled("debug")) return;
    const facts: FinishedCall = {
      rpc: call.route.rpc,
      code: error === undefined ? "OK" : (Code[error.code] ?? String(error.code)),
      reason: error?.errorCode,
      durationMs: Math.round((performance.now() - call.startedMs) * 1000) / 1000,
      peer: call.caller.peer,
      requestId: call.requestId,
    };
    if (error === undefined) log.debug(facts, "call finished");
    else if (error.errorCode === "INTERNAL") log.error({ ...facts, err: thrown }, "call failed");
    else log.info(facts, "call refused");
  }
}
