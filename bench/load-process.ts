import { type ForkedProgram, forkProgram } from "./forked-program.ts";

/** What the load process is to do. */
export interface LoadOrder {
  readonly port: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A gRPC message with its prefix. */
  readonly body: Uint8Array;
  readonly connections: number;
  /** Calls in flight on all connections together. */
  readonly inFlight: number;
  /** How long new calls are started. */
  readonly ms: number;
}

/** What came of a load. */
export interface LoadResult {
  readonly requests: number;
  /** Until the last answer. */
  readonly tookMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What the load process answers. */
export type LoadReport = LoadResult | { readonly error: string };

const answerMs = 10_000;

/** The process that puts load on servers. */
export interface LoadProcess {
  /** Rejects where a single call failed: figures of refusals are of no use. */
  run(order: LoadOrder): Promise<LoadResult>;
  stop(): Promise<void>;
}

/** Starts the load process. */
export function startLoadProcess(): LoadProcess {
  const program: ForkedProgram = forkProgram("./load.ts");
  return {
    async run(order) {
      program.tell(order);
      const report = (await program.hear(order.ms + answerMs)) as LoadReport;
      if ("error" in report) throw new Error(`The load failed: ${report.error}`);
      return report;
    },
    stop: () => program.stop(),
  };
}
