import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";
import { LeaseEventKind, LeaseState, type WatchResponse } from "../../gen/leasehold/v1/leases_pb.ts";
import { CoreError } from "../../src/core/errors.ts";
import { eventSource, leaseEvent } from "./event-source.ts";
import { lease } from "./fake-handle.ts";
import {
  clientsOf,
  failureOf,
  protocols,
  type RunningServers,
  runServers,
  until,
} from "./running-servers.ts";

let running: RunningServers;
let linesBefore = 0;
beforeAll(async () => {
  running = await runServers({}, { limits: { defaultDeadlineMs: 40, responseBytesMax: 4000 } });
});
afterAll(() => running.servers.close());
beforeEach(() => {
  running.fake.asked.length = 0;
  linesBefore = running.lines.length;
});

/** Collects what a stream carries into `seen` until it ends. */
async function collect(stream: AsyncIterable<WatchResponse>, seen: WatchResponse[]): Promise<void> {
  for await (const reply of stream) seen.push(reply);
}

const streamLine = () =>
  running.lines.slice(linesBefore).find((line) => line["rpc"] === "leasehold.v1.LeaseService/Watch");

describe.each(protocols)("over %s", (protocol) => {
  const watch = (...args: Parameters<ReturnType<typeof clientsOf>["leases"]["watch"]>) =>
    clientsOf(running, protocol).leases.watch(...args);

  test("Watch hands prefix, resume token and caller on, and carries every kind of event in order", async () => {
    const { id, path } = lease;
    const { watchLeases } = eventSource([
      () => leaseEvent(1),
      () => leaseEvent(2, { kind: "renewed" }),
      () => leaseEvent(3, { kind: "expiringSoon" }),
      () => leaseEvent(4, { kind: "revoked", lease: { id, path, issuedAtMs: 1000 } }),
      () => leaseEvent(5, { kind: "failed" }),
      () => leaseEvent(6, { kind: "irrevocable" }),
      () => leaseEvent(7, { kind: "forgotten", lease: { id, path } }),
      () => leaseEvent(8, { kind: "gap", lease: undefined }),
    ]);
    running.fake.answers.watchLeases = watchLeases;
    const seen: WatchResponse[] = [];
    const headers = { authorization: "Bearer lh.token" };
    await collect(watch({ prefix: "aws/", resumeToken: "t0" }, { headers }), seen);
    expect(running.fake.asked).toMatchObject([
      {
        operation: "watchLeases",
        input: { prefix: "aws/", resumeToken: "t0" },
        context: { token: "lh.token", peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
      },
    ]);
    const events = seen.flatMap(({ event }) => event ?? []);
    const { UNSPECIFIED, ...kinds } = LeaseEventKind;
    expect(events.map(({ kind }) => kind)).toEqual(
      Object.values(kinds).filter((kind) => typeof kind === "number"),
    );
    expect(events.map(({ resumeToken }) => resumeToken)).toEqual(events.map((_event, at) => `t${at + 1}`));
    expect(events[0]?.occurredAt && timestampMs(events[0].occurredAt)).toBe(lease.issuedAtMs + 1);
    expect(events[0]?.lease).toMatchObject({ id, path, renewable: true, state: LeaseState.ACTIVE });
    expect(events[3]?.lease).toMatchObject({ id, path, state: UNSPECIFIED, issuedAt: { seconds: 1n } });
    expect(events[3]?.lease?.expiresAt).toBeUndefined();
    expect(events[7]?.lease).toBeUndefined();
    await until(() => streamLine() !== undefined);
    expect(streamLine()).toMatchObject({ level: "info", code: "OK", messages: 8, msg: "stream ended" });
  });

  test("an error before the first message arrives with its detail", async () => {
    running.fake.answers.watchLeases = () => {
      throw new CoreError("UNAUTHENTICATED", 'The "token" is ä.', { details: { path: "ä" } });
    };
    const seen: WatchResponse[] = [];
    const { error, details } = await failureOf(collect(watch({}), seen));
    expect(seen).toEqual([]);
    expect([error.code, error.rawMessage]).toEqual([Code.Unauthenticated, 'The "token" is ä.']);
    expect(details).toMatchObject([{ reason: ErrorReason.UNAUTHENTICATED, metadata: { path: "ä" } }]);
    expect(streamLine()).toMatchObject({ level: "info", reason: "UNAUTHENTICATED", messages: 0 });
  });

  test("an error between two messages arrives with its detail, after the messages before it", async () => {
    const { watchLeases } = eventSource([
      () => leaseEvent(1),
      () => leaseEvent(2),
      () => {
        throw new CoreError("STORAGE_UNAVAILABLE", "Redis is away.", { details: { redis_error: "LOADING" } });
      },
    ]);
    running.fake.answers.watchLeases = watchLeases;
    const seen: WatchResponse[] = [];
    const { error, details } = await failureOf(collect(watch({}), seen));
    expect(seen.map(({ event }) => event?.resumeToken)).toEqual(["t1", "t2"]);
    expect([error.code, error.rawMessage]).toEqual([Code.Unavailable, "Redis is away."]);
    expect(details).toMatchObject([
      { reason: ErrorReason.STORAGE_UNAVAILABLE, metadata: { redis_error: "LOADING" } },
    ]);
    expect(streamLine()).toMatchObject({ level: "info", reason: "STORAGE_UNAVAILABLE", messages: 2 });
  });

  test("a bug between two messages arrives as an internal error, and is logged with its stack", async () => {
    const { watchLeases } = eventSource([
      () => leaseEvent(1),
      () => {
        throw new TypeError("s3cr3t");
      },
    ]);
    running.fake.answers.watchLeases = watchLeases;
    const { error, details } = await failureOf(collect(watch({}), []));
    expect(error.code).toBe(Code.Internal);
    expect(error.rawMessage).toMatch(/^internal error \(request [0-9a-f-]{36}\)$/);
    expect(details).toMatchObject([{ reason: ErrorReason.INTERNAL }]);
    expect(streamLine()).toMatchObject({ level: "error", messages: 1, err: { type: "TypeError" } });
  });

  test("a request that breaks a rule is refused, and the core is not asked", async () => {
    const { details } = await failureOf(collect(watch({ prefix: "x".repeat(1201) }), []));
    expect(details).toMatchObject([{ reason: ErrorReason.INVALID_FIELD, metadata: { field: "prefix" } }]);
    expect(running.fake.asked).toEqual([]);
  });

  test("a message over the limit ends the stream with LIMIT_EXCEEDED", async () => {
    const { watchLeases } = eventSource([
      () => leaseEvent(1),
      () => leaseEvent(2, { resumeToken: "x".repeat(5000) }),
    ]);
    running.fake.answers.watchLeases = watchLeases;
    const seen: WatchResponse[] = [];
    const { error, details } = await failureOf(collect(watch({}), seen));
    expect(seen).toHaveLength(1);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(details).toMatchObject([{ reason: ErrorReason.LIMIT_EXCEEDED }]);
  });

  test("the headers come once the core watches, before any message", async () => {
    const { watchLeases, watched } = eventSource([], { isEndless: true });
    const accept = Promise.withResolvers<void>();
    running.fake.answers.watchLeases = async (...args) => {
      await accept.promise;
      return watchLeases(...args);
    };
    const stop = new AbortController();
    let hasHeaders = false;
    const onHeader = () => {
      hasHeaders = true;
    };
    const ended = failureOf(collect(watch({}, { signal: stop.signal, onHeader }), []));
    await until(() => running.fake.asked.length === 1);
    expect(hasHeaders).toBe(false);
    accept.resolve();
    await until(() => hasHeaders);
    expect(watched).toHaveLength(1);
    stop.abort();
    await ended;
    await until(() => streamLine() !== undefined);
  });

  test("a caller that hangs up aborts the handler's signal, which releases its events", async () => {
    const { watchLeases, watched } = eventSource([() => leaseEvent(1)], { isEndless: true });
    running.fake.answers.watchLeases = watchLeases;
    const stop = new AbortController();
    const seen: WatchResponse[] = [];
    const ended = failureOf(collect(watch({}, { signal: stop.signal }), seen));
    await until(() => seen.length === 1);
    stop.abort();
    expect((await ended).error.code).toBe(Code.Canceled);
    await until(() => watched[0]?.isReleased === true);
    expect(watched[0]?.signal.reason).toMatchObject({ code: "CANCELLED" });
    await until(() => streamLine() !== undefined);
    expect(streamLine()).toMatchObject({ level: "info", code: "Canceled", messages: 1 });
  });

  test("has no deadline where the caller names none", async () => {
    const startedMs = performance.now();
    const { watchLeases, watched } = eventSource([
      async () => {
        // Three times the deadline of a call with a single answer.
        await until(() => performance.now() - startedMs > 120);
        return leaseEvent(1);
      },
    ]);
    running.fake.answers.watchLeases = watchLeases;
    const seen: WatchResponse[] = [];
    await collect(watch({}), seen);
    expect(seen).toHaveLength(1);
    expect(watched[0]?.deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("ends at the deadline that the caller names", async () => {
    const { watchLeases, watched } = eventSource([() => leaseEvent(1)], { isEndless: true });
    running.fake.answers.watchLeases = watchLeases;
    // As a header, so that no clock of the client's runs beside the server's.
    const headers: Record<string, string> = protocol.startsWith("Connect")
      ? { "connect-timeout-ms": "60" }
      : { "grpc-timeout": "60m" };
    const seen: WatchResponse[] = [];
    const { error } = await failureOf(collect(watch({}, { headers }), seen));
    expect(seen).toHaveLength(1);
    expect(error.code).toBe(Code.DeadlineExceeded);
    await until(() => watched[0]?.isReleased === true);
    expect(watched[0]?.signal.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(streamLine()).toMatchObject({ code: "DeadlineExceeded", messages: 1 });
  });
});

test("drain() ends streams at once, whatever their protocol, and tells their callers to go on elsewhere", async () => {
  const { watchLeases } = eventSource([() => leaseEvent(1)], { isEndless: true });
  const stopped = await runServers({ watchLeases });
  const seen: WatchResponse[] = [];
  const ends = protocols.map((protocol) =>
    failureOf(collect(clientsOf(stopped, protocol).leases.watch({}), seen)),
  );
  await until(() => seen.length === protocols.length);
  const startedMs = Date.now();
  await stopped.servers.drain(5000);
  expect(Date.now() - startedMs).toBeLessThan(4000);
  for (const { error, details } of await Promise.all(ends)) {
    expect(error.code).toBe(Code.Unavailable);
    expect(error.rawMessage).toContain("The server is stopping");
    expect(details).toMatchObject([{ reason: ErrorReason.SERVER_STOPPING }]);
  }
  expect(stopped.lines).toMatchObject(ends.map(() => ({ code: "Unavailable", messages: 1 })));
});
