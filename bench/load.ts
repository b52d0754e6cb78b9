// The process that puts load on a server: takes an order, carries it out, tells what came of it, and waits for the
// next. It ends when its parent lets go of it.

import { loadConnection } from "./load-connection.ts";
import type { LoadOrder, LoadReport } from "./load-process.ts";
import { percentile } from "./statistics.ts";

async function carryOut({ port, headers, body, connections, inFlight, ms }: LoadOrder): Promise<LoadReport> {
  const streams = Math.ceil(inFlight / connections);
  const startedMs = performance.now();
  const outcomes = await Promise.all(
    Array.from({ length: connections }, () => loadConnection({ port, headers, body, streams, ms })),
  );
  const tookMs = performance.now() - startedMs;
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
  const latencies = outcomes.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
  if (failed > 0 || latencies.length === 0) {
    return { error: `${failed} of ${failed + latencies.length} calls failed.` };
  }
  const [p50Ms, p99Ms] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
  return { requests: latencies.length, tookMs, p50Ms, p99Ms };
}

process.on("disconnect", () => process.exit(0));
process.on("message", (order) => {
  // Both ends come from the same checkout, so the shape needs no checking.
  carryOut(order as LoadOrder)
    .catch(
      (error: unknown): LoadReport => ({ error: error instanceof Error ? error.message : String(error) }),
    )
    .then((report) => process.send?.(report));
});
