import type { LeaseEventView, RequestContext } from "../../src/core/requests.ts";
import { lease } from "./fake-handle.ts";

/** An event of a lease, with a token of its own. */
export function leaseEvent(n: number, facts: Partial<LeaseEventView> = {}): LeaseEventView {
  return { kind: "issued", lease, resumeToken: `t${n}`, occurredAtMs: lease.issuedAtMs + n, ...facts };
}

/** What one caller of `watchLeases` gets. */
export interface Watched {
  readonly input: { readonly prefix: string; readonly resumeToken: string };
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
  /** How many events were asked for. */
  pulled: number;
  /** Whether the caller has let go of the events. */
  isReleased: boolean;
}

/**
 * A `watchLeases` whose events are functions, so that they can wait and throw;
 * after the last one the events end, or go on for ever without any.
 */
export function eventSource(
  steps: Iterable<() => LeaseEventView | Promise<LeaseEventView>>,
  { isEndless = false }: { readonly isEndless?: boolean } = {},
) {
  const watched: Watched[] = [];
  const watchLeases = async (input: Watched["input"], { signal, deadlineMs }: RequestContext) => {
    const caller: Watched = { input, signal, deadlineMs, pulled: 0, isReleased: false };
    watched.push(caller);
    async function* events() {
      try {
        for (const step of steps) {
          if (signal.aborted) return;
          caller.pulled += 1;
          yield await step();
        }
        // A source ends without an error when its signal aborts.
        if (isEndless) {
          await new Promise<void>((resolve) => {
            if (signal.aborted) resolve();
            else signal.addEventListener("abort", () => resolve());
          });
        }
      } finally {
        caller.isReleased = true;
      }
    }
    return events();
  };
  return { watched, watchLeases };
}
