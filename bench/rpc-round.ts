import { startCpuClock } from "./cpu-clock.ts";
import type { LoadProcess } from "./load-process.ts";
import type { RpcWorkload } from "./rpc-workloads.ts";

/** Calls in flight, and the connections they share. */
export const rpcLoad = { inFlight: 64, connections: 4 } as const;

/** Figures of one workload in one round. */
export interface RpcFigures {
  readonly requestsPerSecond: number;
  /** CPU time of the server, user and system, in microseconds a request. */
  readonly cpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Share of the time in which the server used CPU. Where it is well below 1, something else was the limit. */
  readonly busy: number;
}

/** Puts load on one workload and measures. */
export async function measureRpc(load: LoadProcess, workload: RpcWorkload, ms: number): Promise<RpcFigures> {
  const { server, headers, body } = workload;
  const cpuClock = startCpuClock(server.pid);
  const { requests, tookMs, p50Ms, p99Ms } = await load.run({
    port: server.port,
    headers,
    body,
    ...rpcLoad,
    ms,
  });
  const cpuMs = cpuClock();
  return {
    requestsPerSecond: (requests / tookMs) * 1000,
    cpuUs: (cpuMs / requests) * 1000,
    p50Ms,
    p99Ms,
    busy: cpuMs / tookMs,
  };
}
