import { beforeEach, describe, expect, it } from "vitest";
import type { CallClass } from "../../../../src/backends/aws/pacing/call-class.ts";
import type { PacedBudget } from "../../../../src/backends/aws/pacing/paced-budget.ts";
import { createPacer } from "../../../../src/backends/aws/pacing/pacer.ts";
import { CoreError } from "../../../../src/core/errors.ts";
import type { RateRequest, SharedRates } from "../../../../src/core/shared-rates.ts";
import { type CallBucket, createCallBucket } from "../../../kit/call-bucket.ts";
import { awsFailure } from "../../../kit/fake-iam.ts";
import { createManualClock, type ManualClock } from "../../../kit/manual-clock.ts";
import { createMemorySharedRates } from "../../../kit/memory-shared-rates.ts";
import {
  type RecordedVendorTelemetry,
  recordVendorTelemetry,
} from "../../../kit/recorded-vendor-telemetry.ts";

const writes = { account: "111122223333", kind: "writes" } as const;

let clock: ManualClock;
let bucket: CallBucket;
let rates: SharedRates;
let asked: RateRequest[];
let isStorageAway: boolean;
let telemetry: RecordedVendorTelemetry;
let budget: PacedBudget;

beforeEach(() => {
  clock = createManualClock();
  bucket = createCallBucket(() => clock.nowMs(), 20);
  const memory = createMemorySharedRates(() => clock.nowMs());
  asked = [];
  isStorageAway = false;
  rates = {
    async take(request) {
      asked.push(request);
      if (isStorageAway) throw new CoreError("STORAGE_UNAVAILABLE", "Redis is away.");
      return memory.take(request);
    },
  };
  telemetry = recordVendorTelemetry();
  budget = server();
});

function server(): PacedBudget {
  return createPacer({ rates, clock, telemetry }).budget(writes);
}

/** Sends a call that takes a token of the bucket; `ended` is told its name. */
function send(
  className: CallClass,
  options: {
    readonly on?: PacedBudget;
    readonly isFollowUp?: boolean;
    readonly signal?: AbortSignal;
    readonly ended?: (atMs: number) => void;
  } = {},
): Promise<void> {
  const { on = budget, isFollowUp = false, signal = new AbortController().signal, ended } = options;
  return on.send({ class: className, isFollowUp, signal }, async () => {
    await clock.sleep(10);
    if (!bucket.take()) throw awsFailure("throttled", "Throttling", "Rate exceeded");
    ended?.(clock.nowMs());
  });
}

/** Sends many calls at once; answers how many have succeeded, and what the others were refused with. */
function sendMany(count: number, ...args: Parameters<typeof send>) {
  const outcome = { done: 0, failures: [] as unknown[] };
  for (let at = 0; at < count; at++) {
    send(...args).then(
      () => {
        outcome.done += 1;
      },
      (error: unknown) => outcome.failures.push(error),
    );
  }
  return outcome;
}

describe("A paced budget", () => {
  it("lets every call go at once while nothing is throttled, and asks the shared rates once a second", async () => {
    bucket.perSecond = 1000;
    for (let at = 0; at < 30; at++) {
      sendMany(10, "issue");
      await clock.advance(100);
    }
    expect(bucket).toMatchObject({ taken: 300, refused: 0 });
    expect(asked.length).toBeLessThanOrEqual(4);
    expect(asked.every(({ wants }) => wants.every((want) => want === 0))).toBe(true);
  });

  it("sends a throttled call of a revocation again in its turn, and others only as fast as the rate", async () => {
    const outcome = sendMany(64, "disarm");
    await clock.advance(5500);
    expect(outcome).toEqual({ done: 64, failures: [] });
    expect(bucket.refused).toBeLessThan(50);
    const before = bucket.refused;
    const more = sendMany(64, "disarm");
    await clock.advance(5500);
    expect(more).toEqual({ done: 64, failures: [] });
    expect(bucket.refused - before).toBeLessThan(6);
  });

  it("does not slow down for throttled calls that were sent before there was a limit, however late they come back", async () => {
    const late = new AbortController().signal;
    for (let at = 0; at < 10; at++) {
      const call = async () => {
        await clock.sleep(1000 + 500 * at);
        if (clock.nowMs() < lateUntilMs) throw awsFailure("throttled", "Throttling", "Rate exceeded");
      };
      void budget.send({ class: "issue", isFollowUp: true, signal: late }, call).catch(() => {});
    }
    const lateUntilMs = clock.nowMs() + 60_000;
    const outcome = sendMany(64, "disarm");
    await clock.advance(3500);
    expect(outcome).toEqual({ done: 64, failures: [] });
    await clock.advance(4000);
    expect(telemetry.toldOf("throttled").length).toBeGreaterThan(50);
    expect(Number(telemetry.toldOf("limited").at(-1)?.split(" ").at(-1))).toBeGreaterThan(15);
  });

  it("puts disarming first, then tidying up, and leaves issues a share", async () => {
    sendMany(21, "issue", { isFollowUp: true });
    await clock.advance(200);
    const counts = { disarm: 0, tidy: 0, issue: 0 };
    const count = (name: CallClass) => ({
      ended: () => {
        counts[name] += 1;
      },
    });
    for (let second = 0; second < 4; second++) {
      sendMany(40, "disarm", count("disarm"));
      sendMany(40, "tidy", count("tidy"));
      sendMany(4, "issue", { isFollowUp: true, ...count("issue") });
      await clock.advance(1000);
    }
    expect(counts.disarm).toBeGreaterThan(48);
    expect(counts.tidy).toBe(0);
    expect(counts.issue).toBeGreaterThanOrEqual(6);
    expect(counts.issue).toBeLessThanOrEqual(16);
  });

  it("gives tidying calls up after a second while more urgent ones wait, and keeps them longer where none do", async () => {
    sendMany(80, "disarm");
    await clock.advance(100);
    const held = sendMany(1, "tidy");
    await clock.advance(1500);
    expect(held.failures).toMatchObject([{ kind: "unsent", reason: "paced" }]);
    await clock.advance(6000);
    const kept = sendMany(30, "tidy");
    await clock.advance(1900);
    expect(kept).toEqual({ done: 30, failures: [] });
  });

  it("has tidying calls come back the later, the more of them were given up lately", async () => {
    sendMany(64, "disarm");
    await clock.advance(6000);
    const retries = async () => {
      const { failures } = sendMany(500, "tidy");
      await clock.advance(2500);
      return (failures as { readonly retryAfterMs: number }[]).map(({ retryAfterMs }) => retryAfterMs);
    };
    const first = await retries();
    expect(Math.max(...first)).toBeLessThanOrEqual(15_000);
    for (let more = 0; more < 10; more++) await retries();
    const last = await retries();
    expect(Math.min(...last)).toBe(120_000);
    await clock.advance(600_000);
    sendMany(100, "disarm");
    await clock.advance(6000);
    expect(Math.max(...(await retries()))).toBeLessThanOrEqual(15_000);
  });

  it("gives a disarming call up after seven seconds, with when it is worth another try", async () => {
    const { failures } = sendMany(400, "disarm");
    await clock.advance(7500);
    expect(failures.length).toBeGreaterThan(200);
    const [failure] = failures as { message: string; retryAfterMs: number }[];
    expect(failure?.retryAfterMs).toBeGreaterThan(5000);
    expect(failure?.retryAfterMs).toBeLessThanOrEqual(15_000);
    expect(failure?.message).toMatch(
      /^AWS limits the writes of account 111122223333 to [\d.]+ calls a second, and others wait\. Try again in \d+s\.$/,
    );
  });

  it("refuses what would begin an issue at once where its turn is too far off, and lets one go on that was begun", async () => {
    const issues = sendMany(300, "issue", { isFollowUp: true });
    await clock.advance(300);
    const atMs = clock.nowMs();
    const begun = sendMany(200, "issue", { isFollowUp: true });
    const fresh = sendMany(1, "issue");
    await clock.advance(1);
    expect(fresh.failures).toMatchObject([{ reason: "paced" }]);
    expect(clock.nowMs() - atMs).toBe(1);
    await clock.advance(9000);
    expect(begun.done).toBeGreaterThan(120);
    expect(issues.failures.length).toBeGreaterThan(200);
    await clock.advance(5000);
  });

  it("serves a call that comes just when it has no other to serve any more", async () => {
    let comesAtEnd = false;
    let late = { done: 0, failures: [] as unknown[] };
    const watching: typeof telemetry = {
      ...telemetry,
      waiting(_, className) {
        if (!comesAtEnd || className !== "issue") return;
        comesAtEnd = false;
        queueMicrotask(() => {
          late = sendMany(1, "disarm", { on });
        });
      },
    };
    const on = createPacer({ rates, clock, telemetry: watching }).budget(writes);
    sendMany(30, "disarm", { on });
    await clock.advance(10_000);
    comesAtEnd = true;
    const last = sendMany(1, "disarm", { on });
    await clock.advance(2000);
    expect([comesAtEnd, last.done, late.done]).toEqual([false, 1, 1]);
  });

  it("takes a call out whose signal aborts", async () => {
    sendMany(60, "disarm");
    await clock.advance(100);
    const controller = new AbortController();
    const outcome = sendMany(1, "disarm", { signal: controller.signal });
    await clock.advance(10);
    controller.abort();
    await clock.advance(1);
    expect(outcome.failures).toMatchObject([{ kind: "unsent" }]);
    await clock.advance(6000);
  });

  it("is limited within a second or so where another server was throttled", async () => {
    sendMany(64, "disarm", { on: server() });
    await clock.advance(1100);
    const refused = bucket.refused;
    sendMany(1, "issue", { isFollowUp: true });
    await clock.advance(50);
    expect(telemetry.toldOf("limited").length).toBeGreaterThan(0);
    const others = sendMany(20, "issue", { isFollowUp: true });
    await clock.advance(20);
    expect(others.done).toBeLessThan(5);
    expect(bucket.refused - refused).toBeLessThanOrEqual(3);
    await clock.advance(20_000);
  });

  it("goes on by itself at half the rate while the storage is away", async () => {
    sendMany(64, "disarm");
    await clock.advance(4000);
    isStorageAway = true;
    const outcome = sendMany(100, "disarm");
    await clock.advance(5000);
    expect(outcome.done).toBeGreaterThan(35);
    expect(outcome.done).toBeLessThan(75);
    const taken = asked.length;
    await clock.advance(1000);
    expect(asked.length - taken).toBeLessThanOrEqual(1);
    isStorageAway = false;
    await clock.advance(5000);
  });

  it("paces by what it knows alone where the storage has been away all the time", async () => {
    isStorageAway = true;
    const outcome = sendMany(64, "disarm");
    await clock.advance(6000);
    expect(outcome.done).toBe(64);
    expect(bucket.refused).toBeLessThan(60);
  });

  it("has no limit any more when nothing was throttled for three minutes", async () => {
    sendMany(30, "disarm");
    await clock.advance(5000);
    bucket.perSecond = 1000;
    await clock.advance(200_000);
    const outcome = sendMany(100, "issue");
    await clock.advance(20);
    expect(outcome.done).toBe(100);
    expect(telemetry.toldOf("limited").at(-1)).toBe("limited 111122223333:writes no more");
    expect(telemetry.toldOf("waiting").slice(-3)).toEqual([
      "waiting 111122223333:writes disarm 0",
      "waiting 111122223333:writes tidy 0",
      "waiting 111122223333:writes issue 0",
    ]);
  });

  it("is not limited by two changes at once, which AWS refuses with a code of its own", async () => {
    const signal = new AbortController().signal;
    const call = budget.send({ class: "disarm", isFollowUp: false, signal }, async () => {
      throw awsFailure("throttled", "ConcurrentModification");
    });
    await expect(call).rejects.toMatchObject({ code: "ConcurrentModification" });
    expect(telemetry.toldOf("throttled")).toEqual([]);
  });
});
