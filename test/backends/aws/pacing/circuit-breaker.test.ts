import { beforeEach, describe, expect, it } from "vitest";
import {
  type CircuitBreaker,
  createCircuitBreaker,
} from "../../../../src/backends/aws/pacing/circuit-breaker.ts";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { createManualClock, type ManualClock } from "../../../kit/manual-clock.ts";
import {
  type RecordedVendorTelemetry,
  recordVendorTelemetry,
} from "../../../kit/recorded-vendor-telemetry.ts";

let clock: ManualClock;
let telemetry: RecordedVendorTelemetry;
let breaker: CircuitBreaker;
let sent: number;

beforeEach(() => {
  clock = createManualClock();
  telemetry = recordVendorTelemetry();
  breaker = createCircuitBreaker({ endpoint: "iam.example", clock, telemetry });
  sent = 0;
});

const refused = awsFailure("unknown", "ECONNREFUSED", "Nobody listens.");

async function send(failure?: Error): Promise<unknown> {
  return breaker
    .send(async () => {
      sent += 1;
      if (failure) throw failure;
      return "answer";
    })
    .catch((error: unknown) => error);
}

async function fail(times: number, failure = refused): Promise<void> {
  for (let at = 0; at < times; at++) await send(failure);
}

const states = () => telemetry.toldOf("circuit").map((line) => line.split(" ").at(-1));

describe("A circuit breaker", () => {
  it("sends nothing for two seconds after five calls in a row without an answer, and then one call to find out", async () => {
    await fail(4);
    expect(await send()).toBe("answer");
    await fail(5);
    expect(sent).toBe(10);
    expect(await send()).toMatchObject({
      kind: "unsent",
      reason: "away",
      retryAfterMs: 2000,
      message:
        "The AWS endpoint iam.example has not answered 5 calls in a row, the last with ECONNREFUSED. Try again in 2s, and check that it can be reached.",
    });
    expect(sent).toBe(10);
    await clock.advance(2000);
    expect(await send()).toBe("answer");
    expect(await send()).toBe("answer");
    expect(states()).toEqual(["open", "half-open", "closed"]);
  });

  it("counts a connection that ends without an answer as none", async () => {
    await fail(5, awsFailure("unknown", "ConnectionClosed", "The connection ended without an answer."));
    expect(await send()).toMatchObject({ reason: "away" });
  });

  it("waits twice as long each time that the call to find out fails, for half a minute at most", async () => {
    await fail(5);
    const waits: number[] = [];
    for (let probes = 0; probes < 6; probes++) {
      const { retryAfterMs } = (await send()) as { readonly retryAfterMs: number };
      waits.push(retryAfterMs);
      await clock.advance(retryAfterMs);
      expect(await send(refused)).toBe(refused);
    }
    expect(waits).toEqual([2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it("lets one call through at a time to find out", async () => {
    await fail(5);
    await clock.advance(2000);
    const probe = Promise.withResolvers<string>();
    const answer = breaker.send(() => probe.promise);
    expect(await send()).toMatchObject({ reason: "away" });
    probe.resolve("there");
    expect(await answer).toBe("there");
    expect(await send()).toBe("answer");
  });

  it("counts calls that were under way when it opened no further", async () => {
    const stuck = Promise.withResolvers<never>();
    const late = Array.from({ length: 64 }, () => breaker.send(() => stuck.promise).catch(() => {}));
    await fail(5);
    stuck.reject(awsFailure("unknown", "TimeoutError"));
    await Promise.all(late);
    await clock.advance(2000);
    expect(await send()).toBe("answer");
  });

  it("takes every answer of the endpoint for a sign of life, refusals included", async () => {
    for (let rounds = 0; rounds < 5; rounds++) {
      await fail(4);
      await send(awsFailure("refused", "AccessDenied"));
      await fail(4);
      await send(awsFailure("unknown", "HttpStatus503"));
    }
    expect(states()).toEqual([]);
  });

  it("learns nothing from a call that was abandoned", async () => {
    await fail(4);
    await send(awsFailure("unknown", "AbortError"));
    await fail(1);
    expect(states()).toEqual(["open"]);
    await clock.advance(2000);
    await send(awsFailure("unknown", "AbortError"));
    expect(await send()).toBe("answer");
  });
});
