import { type CallClass, type CallTurn, callClasses } from "./call-class.ts";

/** A call that waits for its turn. */
export interface WaitingCall {
  readonly sinceMs: number;
  readonly giveUpAtMs: number;
  /** Sends the call, or has it give up with an error. Called once. */
  readonly end: (error?: Error) => void;
}

/** The calls of one budget that wait for their turn, in order, by class. */
export interface TurnQueue {
  /** Resolves when it is the call's turn; rejects with what it was ended with. An aborted signal ends it with what `onAbort` makes. */
  wait(
    turn: CallTurn,
    times: { readonly sinceMs: number; readonly giveUpAtMs: number },
    onAbort: () => Error,
  ): Promise<void>;
  /** Lets the first calls of a class go; answers how many there were. */
  release(className: CallClass, count: number): number;
  /** Ends the calls of a class for which `isOver` holds, with one error for all of them; answers how many there were. */
  giveUp(className: CallClass, isOver: (call: WaitingCall) => boolean, makeError: () => Error): number;
  /** How many wait, by class, the most urgent first. */
  counts(): readonly number[];
  size(): number;
}

/** Makes a queue in which nobody waits. */
export function createTurnQueue(): TurnQueue {
  const queues: Readonly<Record<CallClass, WaitingCall[]>> = { disarm: [], tidy: [], issue: [] };

  return {
    wait: ({ class: className, isFollowUp, signal }, times, onAbort) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(onAbort());
        const queue = queues[className];
        const call: WaitingCall = {
          ...times,
          end(error) {
            signal.removeEventListener("abort", leave);
            if (error) reject(error);
            else resolve();
          },
        };
        const leave = () => {
          queue.splice(queue.indexOf(call), 1);
          call.end(onAbort());
        };
        signal.addEventListener("abort", leave, { once: true });
        // What goes on frees a place when it has ended; what would begin takes one.
        if (isFollowUp) queue.unshift(call);
        else queue.push(call);
      }),
    release(className, count) {
      const released = queues[className].splice(0, count);
      for (const call of released) call.end();
      return released.length;
    },
    giveUp(className, isOver, makeError) {
      const queue = queues[className];
      const over = queue.filter(isOver);
      if (over.length === 0) return 0;
      // Made before they are gone: it tells of everybody who waits.
      const error = makeError();
      queue.splice(0, queue.length, ...queue.filter((call) => !isOver(call)));
      for (const call of over) call.end(error);
      return over.length;
    },
    counts: () => callClasses.map((className) => queues[className].length),
    size: () => callClasses.reduce((sum, className) => sum + queues[className].length, 0),
  };
}
