import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LeaseStore } from "../../src/core/lease-store.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { createMemoryLeaseStore } from "../kit/memory-lease-store.ts";
import { startTestRedis, type TestRedis } from "../kit/redis-server.ts";

let redis: TestRedis;
let client: RedisClient;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: false });
  client = createRedisClient({ url: redis.url });
  await client.whenReady(2000);
});

afterAll(async () => {
  await client?.close();
  await redis?.stop();
});

const ids = ["aws/creds/a/1", "aws/creds/a/2", "aws/creds/b/1"] as const;
const fences = ["f1", "f2", "f3"] as const;
/** Far from now, so that no due time passes while the two stores are compared. */
const offsetsMs = [-3_600_000, 3_600_000, 7_200_000] as const;

const id = fc.constantFrom(...ids);
const fence = fc.constantFrom(...fences);
const offsetMs = fc.constantFrom(...offsetsMs);
const sealed = fc.uint8Array({ maxLength: 200 });

const step = fc.oneof(
  fc.record({ call: fc.constant("begin" as const), id, fence, sealed, isRenewable: fc.boolean() }),
  fc.record({ call: fc.constant("activate" as const), id, fence, sealed, offsetMs }),
  fc.record({
    call: fc.constant("renew" as const),
    id,
    sealed: fc.option(sealed, { nil: undefined }),
    offsetMs,
  }),
  fc.record({ call: fc.constant("claim" as const), ids: fc.array(id, { maxLength: 3 }), fence }),
  fc.record({ call: fc.constant("claimDue" as const), id, fence, offsetMs }),
  fc.record({ call: fc.constant("disarmed" as const), id, fence, sealed, retry: fc.option(offsetMs) }),
  fc.record({ call: fc.constant("finish" as const), id, fence }),
  fc.record({
    call: fc.constant("fail" as const),
    ...{ id, fence, offsetMs, error: fc.string({ maxLength: 250, unit: "grapheme" }) },
    ...{ usesAttempt: fc.boolean(), isIrrevocable: fc.boolean() },
  }),
  fc.record({ call: fc.constant("setMountState" as const), state: fc.constantFrom("mounted", "unmounting") }),
  fc.record({ call: fc.constant("forgetMount" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does one step, with times counted from `startMs`. */
function take(store: LeaseStore, accessor: string, startMs: number, s: Step): Promise<unknown> {
  const owner = (of: string) => ({ role: of.slice(10, 11), caller: `caller-${of.slice(-1)}` });
  switch (s.call) {
    case "begin": {
      const times = {
        issuedAtMs: startMs,
        expiresAtMs: startMs + 3_600_000,
        graceEndsAtMs: startMs + 300_000,
      };
      return store.begin({ ...s, ...times, ...owner(s.id), accessor });
    }
    case "activate":
      return store.activate({ accessor, id: s.id }, { ...s, expiresAtMs: startMs + s.offsetMs });
    case "renew":
      return store.renew(
        { accessor, id: s.id },
        { expiresAtMs: startMs + s.offsetMs, ...(s.sealed ? { sealed: s.sealed } : {}) },
      );
    case "claim":
      return store.claim(
        accessor,
        s.ids.map((each) => ({ kind: "requested", id: each })),
        { fence: s.fence, visibilityMs: 3_600_000 },
      );
    case "claimDue":
      return store.claim(accessor, [{ kind: "due", id: s.id, dueAtMs: startMs + s.offsetMs }], {
        fence: s.fence,
        visibilityMs: 3_600_000,
      });
    case "disarmed": {
      const next = s.retry === null ? ({ keepClaim: true } as const) : { retryAtMs: startMs + s.retry };
      return store.disarmed({ accessor, id: s.id }, { ...s, next });
    }
    case "finish":
      return store.finish({ accessor, id: s.id }, { ...s, ...owner(s.id) });
    case "fail":
      return store.fail({ accessor, id: s.id }, { ...s, retryAtMs: startMs + s.offsetMs });
    case "setMountState":
      return store.setMountState(accessor, s.state === "mounted" ? "mounted" : "unmounting");
    case "forgetMount":
      return store.forgetMount(accessor);
  }
}

/** What is seen of a store; the times that the two stores took from their own clocks are rounded to the hour. */
async function look(store: LeaseStore, accessor: string) {
  const leases = await store.list(accessor, { prefix: "", after: "", limit: 10 });
  const { due } = await store.peekDue(accessor, { limit: 10, touch: false });
  return inHours({
    leases,
    due,
    count: await store.count(accessor),
    counted: await store.countPrefix(accessor, "aws/creds/a/"),
    ended: await Promise.all(ids.map((each) => store.hasEnded({ accessor, id: each }))),
  });
}

function inHours(value: unknown): unknown {
  const text = JSON.stringify(value, (key, member) =>
    key.endsWith("AtMs") && typeof member === "number" ? Math.round(member / 3_600_000) : member,
  );
  return text === undefined ? undefined : JSON.parse(text);
}

const answerOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(inHours, (error: unknown) => (error instanceof Error ? error.message : error));

describe("The lease stores in memory and on Redis", () => {
  it("answer alike to any sequence of calls, and hold the same after each", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        const accessor = `aws_${randomBytes(6).toString("hex")}`;
        const onRedis = createRedisLeaseStore({ client });
        const startMs = await onRedis.nowMs();
        const inMemory = createMemoryLeaseStore({ nowMs: () => startMs });
        for (const store of [onRedis, inMemory]) await store.setMountState(accessor, "mounted");
        for (const each of steps) {
          const answers = await Promise.all(
            [onRedis, inMemory].map((store) => answerOf(take(store, accessor, startMs, each))),
          );
          expect(answers[0], JSON.stringify(each)).toEqual(answers[1]);
          expect(await look(onRedis, accessor), JSON.stringify(each)).toEqual(await look(inMemory, accessor));
        }
      }),
      { numRuns: 60 },
    );
  });
});
