import { describe, expect, it } from "vitest";
import type { IamSettings } from "../../../../src/backends/aws/iam.ts";
import { keyProbeOf, waitForReady } from "../../../../src/backends/aws/users/wait-for-ready.ts";
import { CoreError } from "../../../../src/core/errors.ts";
import { awsFailure, createFakeIam } from "../../../kit/fake-iam.ts";
import { createManualClock } from "../../../kit/manual-clock.ts";

const key = { id: "AKIANEW", secret: "secret" };
const settings: IamSettings = {
  accessKey: "AKIAROOT",
  secretKey: "root-secret",
  sessionToken: "root-session",
  region: "us-east-1",
  iamEndpoint: undefined,
  stsEndpoint: undefined,
};

/** Waits for a key that is known from the probe of a number on, or by a list of answers. */
function waiting(answers: (probe: number) => boolean, endsAfterMs?: number) {
  const clock = createManualClock();
  const caller = new AbortController();
  const startMs = clock.nowMs();
  let probes = 0;
  const ready = waitForReady(key, {
    probe: async () => answers(++probes),
    clock,
    signal: caller.signal,
    endsAtMs: endsAfterMs === undefined ? undefined : startMs + endsAfterMs,
  });
  ready.catch(() => {});
  return { clock, caller, ready, probes: () => probes, passedMs: () => clock.nowMs() - startMs };
}

describe("waiting for a new key", () => {
  it("ends once AWS has known it three times in a row", async () => {
    const wait = waiting((probe) => probe !== 1 && probe !== 3);
    expect(await wait.clock.advanceUntil(wait.ready)).toBe(true);
    expect(wait.probes()).toBe(6);
  });

  it("ends a second before the limit with a key that is not known, and not by an abort", async () => {
    const wait = waiting(() => false, 10_000);
    expect(await wait.clock.advanceUntil(wait.ready)).toBe(false);
    expect(wait.passedMs()).toBeGreaterThan(8000);
    expect(wait.passedMs()).toBeLessThanOrEqual(9000);
  });

  it("does not start where the limit is that near", async () => {
    const wait = waiting(() => true, 900);
    expect(await wait.clock.advanceUntil(wait.ready)).toBe(false);
    expect(wait.probes()).toBe(0);
  });

  it("ends after a minute where there is no limit", async () => {
    const wait = waiting(() => false);
    expect(await wait.clock.advanceUntil(wait.ready)).toBe(false);
    expect(wait.passedMs()).toBe(60_000);
  });

  it("abandons a probe that is under way when the time is over", async () => {
    const clock = createManualClock();
    const hanging = async (_: unknown, signal: AbortSignal) =>
      await new Promise<boolean>((resolve) => signal.addEventListener("abort", () => resolve(false)));
    const signal = new AbortController().signal;
    const ready = waitForReady(key, { probe: hanging, clock, signal, endsAtMs: clock.nowMs() + 5000 });
    expect(await clock.advanceUntil(ready)).toBe(false);
  });

  it("ends with the caller's reason where the caller hangs up", async () => {
    const wait = waiting(() => false, 30_000);
    await wait.clock.advance(2000);
    const gone = new CoreError("CANCELLED", "The caller hung up.");
    wait.caller.abort(gone);
    await expect(wait.ready).rejects.toBe(gone);
  });
});

describe("the probe of a new key", () => {
  it("signs with the new key alone, over a connection of its own that it closes", async () => {
    const iam = createFakeIam(createManualClock());
    const connections: IamSettings[] = [];
    const probe = keyProbeOf(settings, (given) => {
      connections.push(given);
      return iam;
    });
    const signal = new AbortController().signal;
    expect(await probe?.(key, signal)).toBe(true);
    iam.knobs.fault = () => awsFailure("refused", "InvalidClientTokenId");
    expect(await probe?.(key, signal)).toBe(false);
    expect(connections).toHaveLength(2);
    expect(connections[0]).toEqual({
      ...settings,
      accessKey: "AKIANEW",
      secretKey: "secret",
      sessionToken: undefined,
    });
    expect(iam.closed()).toBe(2);
  });

  it("is not there where the mount has an endpoint for IAM and none for STS", () => {
    const none = keyProbeOf({ ...settings, iamEndpoint: "http://127.0.0.1:1" }, () => {
      throw new Error("Nobody is asked.");
    });
    expect(none).toBeUndefined();
  });
});
