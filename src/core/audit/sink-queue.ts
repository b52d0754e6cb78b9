import { type Clock, startTimeout } from "../clock.ts";
import { untilAborted } from "../until-aborted.ts";
import type { AuditSink } from "./audit-sink.ts";

/** How long a sink may take for one write, in milliseconds. */
const writeMsMax = 2000;
const waitingMax = 10_000;
/** A line can have a million characters, so that their number alone bounds nothing. */
const waitingCharactersMax = 32 * 1024 * 1024;
const linesPerWriteMax = 1000;

/** The lines that wait for a sink. What comes while a write is under way goes with the next one, together. */
export interface SinkQueue {
  /** Resolves once the line is written. Rejects where it cannot be, or not in time. */
  write(line: string): Promise<void>;
  /** Resolves once nothing waits any more, be it written or refused. */
  idle(): Promise<void>;
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Makes an empty queue. `lostLine` makes the line that tells, before the next one that is written, how many were lost. */
export function createSinkQueue(options: {
  readonly sink: Pick<AuditSink, "write">;
  readonly clock: Clock;
  readonly lostLine: (lines: number) => string;
}): SinkQueue {
  const { sink, clock, lostLine } = options;
  let waiting: Waiting[] = [];
  let characters = 0;
  let lost = 0;
  let isWriting = false;
  let drained: Promise<void> = Promise.resolve();
  /** A write that did not end in time, and may still be under way: nothing else is written meanwhile. */
  let stuck: Promise<void> | undefined;

  /** `count` is how many lines are in it, those among them that the first line tells the loss of. */
  const writeInTime = async (lines: string, count: number): Promise<void> => {
    const writing = sink.write(lines);
    const limit = startTimeout(clock, writeMsMax);
    try {
      await untilAborted(writing, limit.signal);
    } catch (error) {
      if (limit.signal.aborted) {
        const ended = writing.then(
          () => {
            // Late, and not lost.
            lost -= count;
          },
          () => {},
        );
        stuck = ended;
        void ended.then(() => {
          stuck = undefined;
        });
      }
      throw error;
    } finally {
      limit.stop();
    }
  };

  const drain = async (): Promise<void> => {
    isWriting = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, linesPerWriteMax);
      waiting = waiting.slice(linesPerWriteMax);
      const text = batch.map(({ line }) => line).join("");
      characters -= text.length;
      const lostBefore = lost;
      try {
        if (stuck) throw new Error("The sink has not ended an earlier write.");
        const lines = lostBefore === 0 ? text : lostLine(lostBefore) + text;
        await writeInTime(lines, lostBefore + batch.length);
        lost -= lostBefore;
        for (const { resolve } of batch) resolve();
      } catch (error) {
        lost += batch.length;
        for (const { reject } of batch) reject(error);
      }
    }
    isWriting = false;
  };

  return {
    write(line) {
      if (waiting.length >= waitingMax || characters + line.length > waitingCharactersMax) {
        lost += 1;
        return Promise.reject(new Error("Too many lines wait for the sink."));
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ line, resolve, reject });
      characters += line.length;
      if (!isWriting) drained = drain();
      return promise;
    },
    idle: () => drained,
  };
}
