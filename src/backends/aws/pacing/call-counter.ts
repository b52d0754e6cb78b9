/** Counts what went through in the last second. */
export interface CallCounter {
  add(): void;
  /** Calls in the second up to now, estimated from whole seconds by the process's clock. */
  perSecond(): number;
}

/** Makes a counter. */
export function createCallCounter(nowMs: () => number): CallCounter {
  let second = 0;
  let count = 0;
  let countBefore = 0;
  const turn = (): void => {
    const now = Math.floor(nowMs() / 1000);
    if (now === second) return;
    countBefore = now === second + 1 ? count : 0;
    count = 0;
    second = now;
  };
  return {
    add() {
      turn();
      count += 1;
    },
    perSecond() {
      turn();
      return count + countBefore * (1 - (nowMs() % 1000) / 1000);
    },
  };
}
