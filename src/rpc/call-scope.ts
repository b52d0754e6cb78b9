import { randomUUID } from "node:crypto";
import { CoreError } from "../core/errors.ts";
import type { RequestContext } from "../core/requests.ts";
import type { Caller } from "./caller.ts";

// Timers may fire a little before the time they were set for.
const timerSlackMs = 5;

// The longest time that a timer can be set for; a deadline beyond it, some 24 days, is as good as none.
const timerMsMax = 2 ** 31 - 1;

// An answer of the last moment reaches nobody, and a secret in it would live on unheard of: so a call is over a little
// before its caller's deadline, by this share of its time, and by no more than this.
const answerShare = 0.1;
const answerMsMax = 50;

/** The error of a call whose caller is gone. */
export const hungUp = () => new CoreError("CANCELLED", "The caller hung up.");

const deadlinePassed = () =>
  new CoreError("DEADLINE_EXCEEDED", "The deadline of the call passed before the answer was there.");

/** Options of `CallScope`. */
export interface CallScopeOptions {
  readonly caller: Caller;
  /** In milliseconds since 1970; infinite where the call has none. */
  readonly deadlineMs: number;
  /** Is told once where the call is ended before it was closed. */
  readonly onEnd: (reason: CoreError) => void;
  /** Is told what a handler throws after its call had ended. */
  readonly onLate: (late: unknown) => void;
}

/**
 * The time of one call: it lasts until it is closed, or until its caller, its
 * deadline or the server ends it. An ended call is over for its caller at once;
 * its handler hears of it by the signal.
 */
export class CallScope {
  /** What the handler gets. */
  readonly context: RequestContext;
  readonly #options: CallScopeOptions;
  readonly #controller = new AbortController();
  readonly #ended = Promise.withResolvers<never>();
  #timer: NodeJS.Timeout | undefined;
  #reason: CoreError | undefined;
  #isClosed = false;

  constructor(options: CallScopeOptions) {
    const { caller, deadlineMs } = options;
    const { token, peer, peerCertificate } = caller;
    this.#options = options;
    const { signal } = this.#controller;
    this.context = { token, signal, deadlineMs, peer, peerCertificate, requestId: randomUUID() };
    // Nobody may be waiting when the call ends.
    this.#ended.promise.catch(() => undefined);
  }

  /** Starts to listen for the deadline and for the caller, who may be gone already. */
  begin(): void {
    const { caller, deadlineMs } = this.#options;
    const leftMs = deadlineMs - Date.now();
    const answerMs = Math.min(answerMsMax, Math.max(0, leftMs) * answerShare);
    if (leftMs <= timerMsMax) {
      this.#timer = setTimeout(() => this.end(deadlinePassed()), leftMs - answerMs);
    }
    caller.onHangUp(() => this.end(Date.now() + timerSlackMs >= deadlineMs ? deadlinePassed() : hungUp()));
  }

  /** Ends the call; one that is closed, or ended already, stays as it is. */
  end(reason: CoreError): void {
    if (this.#isClosed || this.#reason !== undefined) return;
    clearTimeout(this.#timer);
    this.#reason = reason;
    this.#controller.abort(reason);
    this.#ended.reject(reason);
    this.#options.onEnd(reason);
  }

  /** Throws the reason where the call was ended. */
  throwIfEnded(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  /** Waits for the handler's work, and no longer than the call lasts: rejects with the reason where it was ended. */
  async waitFor<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await Promise.race([work, this.#ended.promise]);
    } catch (error) {
      if (this.#reason === undefined) throw error;
      // Nobody waits for this work any more; its bugs must show nevertheless.
      work.catch(this.#options.onLate);
      throw this.#reason;
    }
  }

  /** Lets go of the handler's messages, and waits for nothing. */
  release(messages: AsyncIterator<unknown> | undefined): void {
    const released = async () => messages?.return?.();
    released().catch(this.#options.onLate);
  }

  /** Closes the call: its answer is there, and nothing ends it any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
