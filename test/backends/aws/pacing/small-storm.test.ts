import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Iam } from "../../../../src/backends/aws/iam.ts";
import { backendTypes } from "../../../../src/backends/index.ts";
import { createBarrier } from "../../../../src/core/barrier.ts";
import { type Core, createCore } from "../../../../src/core/core.ts";
import type { OperationName, Operations } from "../../../../src/core/requests.ts";
import { type CallBucket, createCallBucket } from "../../../kit/call-bucket.ts";
import { testSettings } from "../../../kit/core-harness.ts";
import { awsFailure, createFakeIam, type FakeIam } from "../../../kit/fake-iam.ts";
import { createManualClock, type ManualClock } from "../../../kit/manual-clock.ts";
import { createMemoryLeaseStore, type MemoryLeaseStore } from "../../../kit/memory-lease-store.ts";
import { createMemorySharedRates } from "../../../kit/memory-shared-rates.ts";
import { createMemoryStorage } from "../../../kit/memory-storage.ts";
import {
  type RecordedVendorTelemetry,
  recordVendorTelemetry,
} from "../../../kit/recorded-vendor-telemetry.ts";
import { rootKey, tutorialPolicy } from "../mounted-aws.ts";

const token = "root-token-of-the-test";
const leaseCount = 100;
const ttlMs = 60_000;
const latencyMs = 20;

let clock: ManualClock;
let leases: MemoryLeaseStore;
let fake: FakeIam;
let bucket: CallBucket;
let telemetry: RecordedVendorTelemetry;
let servers: Core[];
let failures: { readonly isIrrevocable: boolean; readonly error: string }[];

beforeEach(async () => {
  clock = createManualClock();
  leases = createMemoryLeaseStore({ nowMs: () => clock.nowMs() });
  fake = createFakeIam(clock);
  bucket = createCallBucket(() => clock.nowMs(), 100_000);
  telemetry = recordVendorTelemetry();
  failures = [];
  const storage = createMemoryStorage({ mountState: (accessor) => leases.mountState(accessor) });
  const barrier = createBarrier({ activeTerm: 1, keys: new Map([[1, randomBytes(32)]]) });
  const rates = createMemorySharedRates(() => clock.nowMs());
  servers = [1, 2].map(() =>
    createCore({
      leases,
      storage,
      wakeups: leases.createWakeups(),
      barrier,
      backendTypes: backendTypes({
        aws: { consistencyMs: 1000, clock, connectIam: () => limited(fake), rates, telemetry },
      }),
      rootToken: token,
      settings: { ...testSettings, laneConcurrency: 32, attemptMs: 8000, visibilityMs: 12_000 },
      telemetry: {
        handled: () => {},
        claimed: () => {},
        issued: () => {},
        revoked: () => {},
        observing: () => {},
        revocationFailed: ({ isIrrevocable, error }) => void failures.push({ isIrrevocable, error }),
        backgroundFailed: (_, error) => void failures.push({ isIrrevocable: false, error: String(error) }),
      },
      clock,
    }),
  );
  for (const server of servers) await server.start();
  await ask("mount", { type: "aws", path: "aws", description: "", tuning: {} });
  await ask("write", { path: "aws/config/root", data: rootKey });
  await ask("write", {
    path: "aws/roles/deploy",
    data: { policy_document: tutorialPolicy, default_ttl: `${ttlMs / 1000}s` },
  });
});

afterEach(async () => {
  await clock.advanceUntil(Promise.all(servers.map((server) => server.stop())));
});

/** Has changes take a token of the bucket, and every call some time. */
function limited(iam: FakeIam): Iam {
  const isRead = /^(get|list|accountId|close)/;
  return new Proxy(iam, {
    get(target, name: keyof Iam) {
      const call = target[name];
      if (typeof call !== "function" || name === "close") return call;
      return async (input: never) => {
        await clock.sleep(latencyMs);
        if (!isRead.test(name) && !bucket.take())
          throw awsFailure("throttled", "Throttling", "Rate exceeded");
        return call(input);
      };
    },
  });
}

/** Asks a server; the clock stands still meanwhile. */
function send<Name extends OperationName>(operation: Name, input: Operations[Name]["input"], at = 0) {
  const server = servers[at];
  if (server === undefined) throw new Error("There is no such server.");
  return server.handle(operation, input, {
    token,
    signal: new AbortController().signal,
    deadlineMs: clock.nowMs() + 30_000,
    peer: "127.0.0.1:1",
    requestId: "request-1",
  });
}

/** Asks a server, and moves the clock until the answer is there. */
const ask: typeof send = (...request) => clock.advanceUntil(send(...request));
const sendIssue = (at = 0) => send("read", { path: "aws/creds/deploy", data: {} }, at);
const keysAlive = () => [...fake.users.values()].reduce((sum, { keys }) => sum + keys.size, 0);
const calls = (name: RegExp) => fake.calls.filter(({ text }) => name.test(text));

/** Issues the leases, and moves time to where the first are due. */
async function issueAll(): Promise<void> {
  const startMs = clock.nowMs();
  await clock.advanceUntil(Promise.all(Array.from({ length: leaseCount }, (_, at) => sendIssue(at % 2))));
  fake.calls.length = 0;
  bucket.perSecond = 40;
  await clock.advance(startMs + ttlMs - clock.nowMs());
}

describe("A storm of leases over an account that takes few calls", () => {
  it("deletes the keys first, as fast as AWS lets it, with two servers on one limit", async () => {
    await issueAll();
    const leastMs = (leaseCount / 40) * 1000;
    await clock.advance(leastMs + 1000);
    expect(keysAlive()).toBeLessThanOrEqual(leaseCount * 0.06);
    // What was tidied up before was under way when AWS had throttled nothing yet.
    const changes = calls(/^(remove|delete)/).map(({ text }) => text);
    const lastKey = changes.findLastIndex((text) => text.startsWith("remove accessKey"));
    const tidied = changes.slice(0, lastKey).filter((text) => !text.startsWith("remove accessKey"));
    expect(tidied.length).toBeLessThan(40);
    await clock.advance(15_000);
    expect(fake.users.size).toBe(0);
    expect(leases.leases()).toEqual([]);
    expect(failures.filter(({ isIrrevocable }) => isIrrevocable)).toEqual([]);
    expect(bucket.refused / (bucket.refused + bucket.taken)).toBeLessThan(0.3);
    expect(telemetry.toldOf("limited 111122223333:writes").length).toBeGreaterThan(0);
  });

  it("still issues, by the share that issues have", async () => {
    await issueAll();
    await clock.advance(500);
    const { lease } = await clock.advanceUntil(sendIssue());
    expect(lease?.path).toBe("aws/creds/deploy");
    expect(keysAlive()).toBeGreaterThan(0);
  });

  it("refuses an issue at once, and begins nothing, where its turn is too far off", async () => {
    await issueAll();
    bucket.perSecond = 1;
    await clock.advance(2500);
    const waiting = Array.from({ length: 30 }, () => sendIssue().catch((error: unknown) => error));
    const outcomes = await clock.advanceUntil(Promise.all(waiting));
    const refused = outcomes.filter((outcome) => outcome instanceof Error);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({
      code: "BACKEND_UNAVAILABLE",
      message: expect.stringContaining("AWS limits the writes of account 111122223333"),
      details: { retry_after: expect.stringMatching(/^\d+s$/) },
    });
  });
});
