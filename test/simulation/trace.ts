import { hashText } from "./random.ts";

/** What happened in a run, in order. Its hash tells two runs apart; the lines are kept only where somebody wants to read them. */
export interface Trace {
  add(line: string): void;
  /** Hash of all lines so far. */
  readonly hash: string;
  readonly lines: readonly string[];
}

/** Makes an empty trace; `nowMs` is the true time, shown in seconds since the beginning. */
export function createTrace(options: { readonly nowMs: () => number; readonly isKept: boolean }): Trace {
  const { nowMs, isKept } = options;
  const startMs = nowMs();
  const lines: string[] = [];
  let hash = hashText("");
  return {
    lines,
    get hash() {
      return hash.toString(16).padStart(8, "0");
    },
    add(line) {
      const timed = `${((nowMs() - startMs) / 1000).toFixed(4).padStart(10)} ${line}`;
      hash = hashText(timed, hash);
      if (isKept) lines.push(timed);
    },
  };
}
