import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LeaseStore, StoredLease } from "../../src/core/lease-store.ts";
import { eventNumber } from "../../src/redis/event-position.ts";
import { createRedisLeaseStore } from "../../src/redis/lease-store.ts";
import { createRedisClient, type RedisClient } from "../../src/redis/redis-client.ts";
import { brokenRule } from "../kit/lease-rules.ts";
import { type LeaseStep, leaseStep, stepIds, takeLeaseStep } from "../kit/lease-step.ts";
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

/** One store of the two, with a fresh mount. */
interface Subject {
  readonly store: LeaseStore;
  readonly accessor: string;
  readonly startMs: number;
}

/** Times that the two stores took from their own clocks are rounded to the hour. */
function inHours(value: unknown): unknown {
  const text = JSON.stringify(value, (key, member) =>
    /atMs$/i.test(key) && typeof member === "number" ? Math.round(member / 3_600_000) : member,
  );
  return text === undefined ? undefined : JSON.parse(text);
}

const listAll = ({ store, accessor }: Subject): Promise<readonly StoredLease[]> =>
  store.list(accessor, { prefix: "", after: "", limit: 10 });

/** All that is seen of a store. */
async function look(subject: Subject) {
  const { store, accessor, startMs } = subject;
  const { events, hasGap } = await store.readEvents(accessor, { after: "", limit: 1000 });
  const { due } = await store.peekDue(accessor, { limit: 10, touch: false });
  return inHours({
    leases: await listAll(subject),
    due,
    soon: await store.dueBetween(accessor, { fromMs: startMs, toMs: startMs + 3_600_000, limit: 10 }),
    count: await store.count(accessor),
    counted: await store.countPrefix(accessor, "aws/creds/a/"),
    ended: await Promise.all(stepIds.map((id) => store.hasEnded({ accessor, id }))),
    epoch: await store.epoch(accessor),
    newest: eventNumber(await store.newestEvent(accessor)),
    events: events.map(({ position, ...event }) => ({ number: eventNumber(position), ...event })),
    hasGap,
  });
}

const answerOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(inHours, (error: unknown) => (error instanceof Error ? error.message : error));

/** A step as a command: it must be answered alike, leave the same behind, and break no rule. */
const command = (step: LeaseStep): fc.AsyncCommand<Subject, Subject> => ({
  check: () => true,
  async run(inMemory, onRedis) {
    const before = new Map((await listAll(onRedis)).map((lease) => [lease.id, lease]));
    const answers = await Promise.all(
      [inMemory, onRedis].map((subject) => answerOf(takeLeaseStep(subject.store, subject, step))),
    );
    expect(answers[1]).toEqual(answers[0]);
    expect(await look(onRedis)).toEqual(await look(inMemory));
    const after = new Map((await listAll(onRedis)).map((lease) => [lease.id, lease]));
    for (const id of stepIds) expect(brokenRule(step.call, before.get(id), after.get(id))).toBeUndefined();
  },
  toString: () => JSON.stringify(step),
});

describe("The lease stores in memory and on Redis", () => {
  it("answer alike to any sequence of calls, hold the same after each, and keep to the rules", {
    timeout: 240_000,
  }, async () => {
    const commands = fc.commands([leaseStep.map(command)], { maxCommands: 40, size: "max" });
    await fc.assert(
      fc.asyncProperty(commands, async (steps) => {
        const accessor = `aws_${randomBytes(6).toString("hex")}`;
        const onRedis = createRedisLeaseStore({ client });
        const startMs = await onRedis.nowMs();
        const inMemory = createMemoryLeaseStore({ nowMs: () => startMs });
        for (const store of [onRedis, inMemory]) await store.setMountState(accessor, "mounted");
        const setup = () => ({
          model: { store: inMemory, accessor, startMs },
          real: { store: onRedis, accessor, startMs },
        });
        await fc.asyncModelRun(setup, steps);
      }),
      { numRuns: 60 },
    );
  });
});
