import type { DescMethod, Message } from "@bufbuild/protobuf";
import { CoreError } from "../core/errors.ts";
import { logCall, logLate } from "./call-log.ts";
import { CallScope, hungUp } from "./call-scope.ts";
import type { Caller } from "./caller.ts";
import { toWireError, type WireError } from "./errors.ts";
import type { RpcLimits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Route, StreamRoute, UnaryRoute } from "./route.ts";
import type { CheckRules } from "./validation.ts";

/** How a stack reads the request and writes a response; what these throw is answered like any other error. */
export interface Codec<Reply> {
  readonly decode: () => Message;
  readonly encode: (response: Message) => Reply;
}

/** A codec of a stream. */
export interface StreamCodec<Reply> extends Codec<Reply> {
  /** Is called once the handler has accepted the call, before any message. */
  readonly onOpen: () => void;
}

/** What came of a call. */
export type Outcome<Reply> =
  | { readonly error: undefined; readonly reply: Reply }
  | { readonly error: WireError };

/** Options of `Calls`. */
export interface CallsOptions {
  readonly log: Log;
  readonly limits: Pick<RpcLimits, "defaultDeadlineMs" | "maxDeadlineMs" | "replyStreamsMax">;
  readonly checkRules: CheckRules;
}

/** A call under way. */
interface OpenCall {
  readonly scope: CallScope;
  /** How many messages a stream has carried. */
  messages: number;
  /** Ends the accounting of the call: its log line, its place. Only the first end counts. */
  readonly succeed: () => void;
  /** The same for one that failed; answers what its caller is told. */
  readonly fail: (thrown: unknown) => WireError;
}

const stopping = () =>
  new CoreError(
    "SERVER_STOPPING",
    "The server is stopping; go on with another one, from where this stream ended.",
  );

/**
 * Runs the calls of both stacks: deadline, cancellation, rules, handler,
 * errors, limits on streams, and the one log line.
 */
export class Calls {
  readonly #options: CallsOptions;
  readonly #idleListeners = new Set<() => void>();
  readonly #inFlight = new Set<OpenCall>();
  readonly #streams = new Set<OpenCall>();
  #isStopping = false;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Answers a call with one message; it never rejects. */
  async run<Reply>(route: UnaryRoute, caller: Caller, codec: Codec<Reply>): Promise<Outcome<Reply>> {
    const { limits } = this.#options;
    const nowMs = Date.now();
    const wantedMs = Number.isFinite(caller.deadlineMs)
      ? caller.deadlineMs
      : nowMs + limits.defaultDeadlineMs;
    const deadlineMs = Math.min(wantedMs, nowMs + limits.maxDeadlineMs);
    const call = this.#open(route, { ...caller, deadlineMs });
    try {
      const request = this.#receive(route.method, call, codec);
      const reply = codec.encode(await call.scope.waitFor(route.handle(request, call.scope.context)));
      call.succeed();
      return { error: undefined, reply };
    } catch (thrown) {
      return { error: call.fail(thrown) };
    }
  }

  /**
   * Answers a call with a stream of messages, the last of which may be an error.
   * It never rejects, and asks the handler for a message only when it is asked
   * for one itself, so that a slow caller slows its handler. A stream lasts as
   * long as its caller wants: it has a deadline only where the caller names one.
   */
  async *stream<Reply>(
    route: StreamRoute,
    caller: Caller,
    codec: StreamCodec<Reply>,
  ): AsyncGenerator<Outcome<Reply>, void> {
    const call = this.#open(route, caller);
    const { scope } = call;
    let messages: AsyncIterator<Message> | undefined;
    try {
      const request = this.#receive(route.method, call, codec);
      this.#admitStream(call);
      const opened = await scope.waitFor(route.open(request, scope.context));
      messages = opened[Symbol.asyncIterator]();
      scope.throwIfEnded();
      codec.onOpen();
      for (;;) {
        const next = await scope.waitFor(messages.next());
        // A handler may take the end of its signal for the end of its messages.
        scope.throwIfEnded();
        if (next.done === true) break;
        const reply = codec.encode(next.value);
        call.messages += 1;
        yield { error: undefined, reply };
        scope.throwIfEnded();
      }
      call.succeed();
    } catch (thrown) {
      yield { error: call.fail(thrown) };
    } finally {
      // The stack may give up between two messages; nothing else would end the call then.
      scope.end(hungUp());
      scope.release(messages);
    }
  }

  /** Ends all streams with an error that tells their callers to go on elsewhere, and takes no more of them. */
  endStreams(): void {
    this.#isStopping = true;
    for (const { scope } of this.#streams) scope.end(stopping());
  }

  /** Resolves once no call is in flight. */
  async whenIdle(): Promise<void> {
    if (this.#inFlight.size === 0) return;
    await new Promise<void>((resolve) => {
      const listener = () => {
        this.#idleListeners.delete(listener);
        resolve();
      };
      this.#idleListeners.add(listener);
    });
  }

  #open(route: Route, caller: Caller): OpenCall {
    const { log } = this.#options;
    const { rpc } = route;
    const startedMs = performance.now();
    let isFinished = false;
    const finish = (error: WireError | undefined, thrown: unknown) => {
      if (isFinished) return;
      isFinished = true;
      scope.close();
      const messages = route.kind === "stream" ? call.messages : undefined;
      logCall(log, { rpc, messages, peer, requestId, startedMs, error, thrown });
      this.#forget(call);
    };
    const scope = new CallScope({
      caller,
      deadlineMs: caller.deadlineMs,
      onEnd: (reason) => {
        // The stack may never ask a stream for its next message once the caller is gone.
        if (route.kind === "stream") call.fail(reason);
      },
      onLate: (late) => logLate(log, late, { rpc, requestId }),
    });
    const { requestId, peer } = scope.context;
    const call: OpenCall = {
      scope,
      messages: 0,
      succeed: () => finish(undefined, undefined),
      fail: (thrown) => {
        const error = toWireError(thrown, requestId);
        finish(error, thrown);
        return error;
      },
    };
    this.#inFlight.add(call);
    scope.begin();
    return call;
  }

  /** Reads the request of a call that its caller has not given up yet. */
  #receive(method: DescMethod, call: OpenCall, codec: Pick<Codec<unknown>, "decode">): Message {
    call.scope.throwIfEnded();
    const request = codec.decode();
    this.#options.checkRules(method.input, request);
    return request;
  }

  #admitStream(call: OpenCall): void {
    const { replyStreamsMax } = this.#options.limits;
    if (this.#isStopping) throw stopping();
    if (this.#streams.size >= replyStreamsMax) {
      throw new CoreError(
        "LIMIT_EXCEEDED",
        `${this.#streams.size} streams are open, and this server serves at most ${replyStreamsMax}. End some, or use another server.`,
        { details: { streams: String(this.#streams.size), streams_max: String(replyStreamsMax) } },
      );
    }
    this.#streams.add(call);
  }

  #forget(call: OpenCall): void {
    this.#streams.delete(call);
    this.#inFlight.delete(call);
    if (this.#inFlight.size === 0) for (const listener of this.#idleListeners) listener();
  }
}
