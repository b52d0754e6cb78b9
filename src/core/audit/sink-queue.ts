import { type Clock, startTimeout } from "../clock.ts";
import { untilAborted } from "../until-aborted.ts";
import type { AuditSink } from "./audit-sink.ts";

/** How long a sink may take for one write, in milliseconds. */
const writeMsMax = 2000;
const waitingMax = 10_000;
const linesPerWriteMax = 1000;

/** The lines that wait for a sink. What comes while a write is under way goes with the next one, together. */
export interface SinkQueue {
  /** Resolves once the line is written. Rejects where it cannot be, or not in time. */
  write(line: string): Promise<void>;
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Makes an empty queue. */
export function createSinkQueue(sink: Pick<AuditSink, "write">, clock: Clock): SinkQueue {
  let waiting: Waiting[] = [];
  let isWriting = false;
  /** A write that did not end in time, and may still be under way: nothing else is written meanwhile. */
  let stuck: Promise<void> | undefined;

  const writeInTime = async (lines: string): Promise<void> => {
    const writing = sink.write(lines);
    const limit = startTimeout(clock, writeMsMax);
    try {
      await untilAborted(writing, limit.signal);
    } catch (error) {
      if (limit.signal.aborted) {
        const ended = writing.then(
          () => {},
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
      try {
        if (stuck) throw new Error("The sink has not ended an earlier write.");
        await writeInTime(batch.map(({ line }) => line).join(""));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    isWriting = false;
  };

  return {
    write(line) {
      if (waiting.length >= waitingMax) return Promise.reject(new Error("Too many lines wait for the sink."));
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ line, resolve, reject });
      if (!isWriting) void drain();
      return promise;
    },
  };
}
