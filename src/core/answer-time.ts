/** Time kept back from a caller's deadline, in milliseconds, so that the answer still reaches the caller. */
const answerMs = 1000;

/** Until when a caller with a deadline can be kept waiting, by the same clock. */
export function waitUntilMs(deadlineMs: number): number {
  return deadlineMs - answerMs;
}
