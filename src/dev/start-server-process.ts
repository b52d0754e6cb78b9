import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { ChildExit } from "./process/guard-protocol.ts";
import { spawnGuarded } from "./process/spawn-guarded.ts";

const startMsMax = 20_000;
/** Longer than the server's own drain. */
const drainMsMax = 12_000;
const logLinesMax = 10_000;
const program = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A leasehold server in a process of its own, which never outlives this one. */
export interface ServerProcess {
  readonly pid: number;
  /** Of the gRPC listener, for `LEASEHOLD_ADDR`. */
  readonly grpcUrl: string;
  /** Of the HTTP listener. */
  readonly httpUrl: string;
  /** What the server has logged, a JSON line each; the newest 10,000. */
  readonly log: readonly string[];
  readonly exited: Promise<ChildExit>;
  /** Sends SIGTERM, and waits for the server to drain and end. */
  stop(): Promise<ChildExit>;
  /** Sends SIGKILL. */
  kill(): Promise<ChildExit>;
}

/** Where the listeners are, as the server logs it once it listens. */
function listening(line: string): { readonly grpcUrl: string; readonly httpUrl: string } | undefined {
  if (!line.includes('"listening"')) return undefined;
  const { grpcAddress, httpAddress } = JSON.parse(line);
  return { grpcUrl: `http://${grpcAddress}`, httpUrl: `http://${httpAddress}` };
}

/**
 * Starts a server with exactly this environment; free ports where it names none. Rejects with what the server
 * wrote when it ends before it listens, or does not listen in time.
 */
export async function startServerProcess(options: {
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
}): Promise<ServerProcess> {
  const child = await spawnGuarded({
    command: process.execPath,
    args: [...(options.nodeArgs ?? []), program, ...(options.args ?? [])],
    env: { LEASEHOLD_GRPC_ADDR: "127.0.0.1:0", LEASEHOLD_HTTP_ADDR: "127.0.0.1:0", ...options.env },
    stderr: "pipe",
  });
  if (!child.stderr) throw new Error("The server has no log to read its addresses from.");
  const log: string[] = [];
  const started = Promise.withResolvers<ReturnType<typeof listening>>();
  const timer = setTimeout(() => started.resolve(undefined), startMsMax);
  const lines = createInterface({ input: child.stderr });
  lines.on("line", (line) => {
    if (log.push(line) > logLinesMax) log.shift();
    const addresses = listening(line);
    if (addresses) started.resolve(addresses);
  });
  lines.on("close", () => started.resolve(undefined));
  const addresses = await started.promise;
  clearTimeout(timer);
  if (!addresses) {
    await child.stop(0);
    throw new Error(`The server did not start. It wrote:\n${log.join("\n")}`);
  }
  const { pid, exited } = child;
  return { pid, exited, log, ...addresses, stop: () => child.stop(drainMsMax), kill: () => child.stop(0) };
}
