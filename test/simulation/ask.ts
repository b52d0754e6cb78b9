import { CoreError } from "../../src/core/errors.ts";
import type { OperationName, Operations } from "../../src/core/requests.ts";
import type { Invariants } from "./invariants.ts";
import type { Random } from "./random.ts";
import { rootToken, type Server } from "./servers.ts";
import type { World } from "./world.ts";

/** How a request ended for its caller. `lost`: the caller does not know. */
export type Outcome<Output> =
  | { readonly kind: "answered"; readonly output: Output }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "lost" };

/** A request. */
export interface Asking<Name extends OperationName> {
  readonly server: Server;
  readonly name: Name;
  readonly input: Operations[Name]["input"];
  readonly deadlineMs?: number;
  /** The caller hangs up after this long. */
  readonly hangUpMs?: number | undefined;
  /** Looks at what the server answers, at that moment. */
  readonly onAnswering?: (output: Operations[Name]["output"]) => void;
  readonly onEnd: (outcome: Outcome<Operations[Name]["output"]>) => void;
}

/** Sends requests as the transports do: with a deadline, a caller who may hang up, and a network that may lose the answer. */
export function createAsk(
  world: World,
  invariants: Invariants,
  random: Random,
): <Name extends OperationName>(asking: Asking<Name>) => void {
  const { scheduler, faults, trace } = world;
  let requests = 0;

  return ({ server, name, input, deadlineMs = 30_000, hangUpMs, onAnswering, onEnd }) => {
    const { process, core } = server;
    const requestId = `request-${++requests}`;
    let isOver = false;
    const end = (outcome: Parameters<typeof onEnd>[0]): void => {
      if (isOver) return;
      isOver = true;
      trace.add(
        `${requestId} ${name} ${outcome.kind}${outcome.kind === "failed" ? ` ${codeOf(outcome.error)}` : ""}`,
      );
      onEnd(outcome);
    };
    /** What comes back over the network, or does not. */
    const comeBack = (outcome: Parameters<typeof onEnd>[0]): void => {
      const isLost = faults.strikes("caller: reply lost");
      scheduler.after(random.between(0.2, 3), () => end(isLost ? { kind: "lost" } : outcome));
    };
    process.onKill(() => scheduler.after(random.between(0.2, 3), () => end({ kind: "lost" })));
    // A server that nobody hears from again is given up on.
    scheduler.after(deadlineMs + 5000, () => end({ kind: "lost" }));
    trace.add(`${requestId} ${name} to ${process.name} ${JSON.stringify(input).slice(0, 120)}`);

    process.after(
      random.between(0.2, 3),
      () => {
        const caller = new AbortController();
        const cancelDeadline = process.after(deadlineMs, () =>
          caller.abort(new CoreError("DEADLINE_EXCEEDED", "The deadline has passed.")),
        );
        if (hangUpMs !== undefined) {
          process.after(
            hangUpMs,
            () => {
              if (isOver || caller.signal.aborted) return;
              faults.fired("caller: hung up");
              caller.abort(new CoreError("CANCELLED", "The caller hung up."));
              end({ kind: "lost" });
            },
            "network",
          );
        }
        const context = {
          ...{ token: rootToken, signal: caller.signal, deadlineMs: process.clock.nowMs() + deadlineMs },
          ...{ peer: "127.0.0.1:1", requestId },
        };
        core
          .handle(name, input, context)
          .finally(cancelDeadline)
          .then(
            (output) => {
              if (!caller.signal.aborted) onAnswering?.(output);
              comeBack({ kind: "answered", output });
            },
            (error: unknown) => {
              invariants.failed(name, error);
              comeBack({ kind: "failed", error });
            },
          );
      },
      "network",
    );
  };
}

/** The code of a failure, for the trace. */
function codeOf(error: unknown): string {
  return error instanceof CoreError ? error.code : String(error);
}
