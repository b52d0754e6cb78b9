import type { Clock } from "../../../core/clock.ts";
import { formatDuration } from "../../../core/duration.ts";
import type { CircuitState, VendorTelemetry } from "../../../core/vendor-telemetry.ts";
import { type AwsFailure, isAwsFailure } from "../aws-failure.ts";
import { NotSent } from "./not-sent.ts";

/** Calls in a row without any answer after which an endpoint counts as away. */
const failuresMax = 5;

/** How long nothing is sent then, at first and at most, in milliseconds; twice as long each time that the next call has no answer either. */
const openMsFirst = 2000;
const openMsMax = 30_000;

/** Keeps calls from an endpoint that does not answer. */
export interface CircuitBreaker {
  /** Sends a call. Rejects at once with `NotSent` while the endpoint is known to be away; one call is let through now and then to find out. */
  send<T>(call: () => Promise<T>): Promise<T>;
}

/** Makes the breaker of an endpoint, which is taken to be there. */
export function createCircuitBreaker(options: {
  readonly endpoint: string;
  readonly clock: Pick<Clock, "nowMs">;
  readonly telemetry: VendorTelemetry;
}): CircuitBreaker {
  const { endpoint, clock, telemetry } = options;
  let state: CircuitState = "closed";
  let failures = 0;
  let openMs = openMsFirst;
  let probeAtMs = 0;
  let last = "";

  const turn = (next: CircuitState): void => {
    if (next === state) return;
    state = next;
    telemetry.circuit(endpoint, next);
  };
  const open = (): void => {
    probeAtMs = clock.nowMs() + openMs;
    openMs = Math.min(openMsMax, openMs * 2);
    turn("open");
  };
  const close = (): void => {
    failures = 0;
    openMs = openMsFirst;
    turn("closed");
  };
  const away = (): NotSent => {
    const leftMs = Math.max(1000, probeAtMs - clock.nowMs());
    return new NotSent("away", {
      message: `The AWS endpoint ${endpoint} has not answered ${failures} calls in a row, the last with ${last}. Try again in ${formatDuration(Math.ceil(leftMs / 1000) * 1000)}, and check that it can be reached.`,
      retryAfterMs: leftMs,
    });
  };

  const noteFailure = (failure: AwsFailure, isProbe: boolean): void => {
    failures += 1;
    last = failure.code;
    // Those that were under way when it opened say nothing new.
    if (isProbe || (state === "closed" && failures >= failuresMax)) open();
  };

  return {
    async send(call) {
      if (state === "half-open" || (state === "open" && clock.nowMs() < probeAtMs)) throw away();
      const isProbe = state === "open";
      if (isProbe) turn("half-open");
      try {
        const answer = await call();
        close();
        return answer;
      } catch (error) {
        if (!isAwsFailure(error)) {
          if (isProbe) turn("open");
          throw error;
        }
        if (isUnanswered(error)) noteFailure(error, isProbe);
        else if (error.code !== "AbortError") close();
        // Whoever asked gave up first: the next call finds out.
        else if (isProbe) turn("open");
        throw error;
      }
    },
  };
}

/** Codes of the system, and the names of what cuts a call short here. Whatever AWS answers has a code of another form. */
const connectionCode = /^([A-Z][A-Z0-9_]+|TimeoutError|ConnectionClosed|Error)$/;

/** Says whether nothing at all came back. */
function isUnanswered(failure: AwsFailure): boolean {
  return failure.kind === "unknown" && connectionCode.test(failure.code);
}
