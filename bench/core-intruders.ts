import { cpus } from "node:os";
import { startCpuClock } from "./cpu-clock.ts";

/**
 * Watches a core that some processes should have for themselves. What it gives answers which share of the time
 * since then others have used it; figures of a disturbed run are worse than the server is.
 */
export function watchForIntruders(core: number, pids: readonly number[]): () => number {
  const startedMs = performance.now();
  const busyBeforeMs = busyMs(core);
  const ownClocks = pids.map(startCpuClock);
  return () => {
    const ownMs = ownClocks.reduce((sum, clock) => sum + clock(), 0);
    const othersMs = busyMs(core) - busyBeforeMs - ownMs;
    return Math.max(0, othersMs) / (performance.now() - startedMs);
  };
}

function busyMs(core: number): number {
  const times = cpus()[core]?.times;
  return times === undefined ? 0 : times.user + times.nice + times.sys + times.irq;
}
