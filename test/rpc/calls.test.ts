import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";
import { CoreError } from "../../src/core/errors.ts";
import type { RequestContext } from "../../src/core/requests.ts";
import {
  clientsOf,
  failureOf,
  protocols,
  type RunningServers,
  runServers,
  until,
} from "./running-servers.ts";

const reply = { data: {}, lease: undefined, warnings: [] };

/** A read that does not end before its signal aborts, and what it saw. */
function hangingRead() {
  const seen: { context?: RequestContext } = {};
  const read = (_input: unknown, context: RequestContext) => {
    seen.context = context;
    return new Promise<typeof reply>((_resolve, reject) => {
      context.signal.addEventListener("abort", () => reject(context.signal.reason));
    });
  };
  return { seen, read };
}

let running: RunningServers;
beforeEach(async () => {
  running = await runServers({}, { limits: { defaultDeadlineMs: 120 } });
});
afterEach(() => running.servers.close());

describe.each(protocols)("over %s", (protocol) => {
  test("a caller that hangs up aborts the handler's signal with CANCELLED", async () => {
    const { seen, read } = hangingRead();
    running.fake.answers.read = read;
    const caller = new AbortController();
    const call = failureOf(
      clientsOf(running, protocol).secrets.read({ path: "a" }, { signal: caller.signal, timeoutMs: 60_000 }),
    );
    await until(() => seen.context !== undefined);
    expect(seen.context?.signal.aborted).toBe(false);
    caller.abort();
    expect((await call).error.code).toBe(Code.Canceled);
    await until(() => seen.context?.signal.aborted === true);
    expect(seen.context?.signal.reason).toBeInstanceOf(CoreError);
    expect(seen.context?.signal.reason).toMatchObject({ code: "CANCELLED" });
    await until(() => running.lines.some((line) => line["reason"] === "CANCELLED"));
  });

  test("a call without a deadline gets the default one, and its caller hears of its end at once", async () => {
    const { seen, read } = hangingRead();
    // A handler that does not listen to its signal must not keep its caller waiting.
    running.fake.answers.read = (input, context) => {
      void read(input, context).catch(() => undefined);
      return new Promise(() => undefined);
    };
    const { error, details } = await failureOf(clientsOf(running, protocol).secrets.read({ path: "a" }));
    expect(error.code).toBe(Code.DeadlineExceeded);
    expect(details).toMatchObject([{ reason: ErrorReason.DEADLINE_EXCEEDED }]);
    expect(seen.context?.signal.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  test("the caller's own deadline aborts the signal with DEADLINE_EXCEEDED", async () => {
    const { seen, read } = hangingRead();
    running.fake.answers.read = read;
    // As a header, so that no clock of the client's runs beside the server's.
    const headers: Record<string, string> = protocol.startsWith("Connect")
      ? { "connect-timeout-ms": "60" }
      : { "grpc-timeout": "60m" };
    const startedMs = Date.now();
    const { error } = await failureOf(clientsOf(running, protocol).secrets.read({ path: "a" }, { headers }));
    expect(error.code).toBe(Code.DeadlineExceeded);
    await until(() => seen.context?.signal.aborted === true);
    expect(seen.context?.signal.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    const deadlineMs = seen.context?.deadlineMs ?? 0;
    expect(deadlineMs).toBeGreaterThanOrEqual(startedMs + 60);
    // The call is over a tenth of its time before: an answer of the last moment reaches nobody.
    expect(deadlineMs).toBeLessThanOrEqual(Date.now() + 6 + 5);
  });

  test("a deadline far away is cut to the maximum", async () => {
    const { seen, read } = hangingRead();
    const strict = await runServers({ read }, { limits: { maxDeadlineMs: 100 } });
    const call = clientsOf(strict, protocol).secrets.read({ path: "a" }, { timeoutMs: 3_600_000 });
    const { details } = await failureOf(call);
    strict.servers.close();
    expect(details).toMatchObject([{ reason: ErrorReason.DEADLINE_EXCEEDED }]);
    expect(seen.context?.deadlineMs).toBeLessThanOrEqual(Date.now() + 10 + 5);
  });

  test("a bug that shows after the call's end is logged nevertheless", async () => {
    running.fake.answers.read = (_input, context) =>
      new Promise((_resolve, reject) => {
        context.signal.addEventListener("abort", () => reject(new TypeError("late bug")));
      });
    await failureOf(clientsOf(running, protocol).secrets.read({ path: "a" }));
    await until(() => running.lines.some((line) => JSON.stringify(line).includes("late bug")));
  });
});

describe("the log of calls", () => {
  test("has one debug line for a call that went well, with neither data nor token", async () => {
    running.fake.answers.read = () => ({ ...reply, data: { secret_key: "s3cr3t" } });
    const headers = { authorization: "Bearer t0ken" };
    await clientsOf(running, "gRPC").secrets.read(
      { path: "aws/creds/x", parameters: { p: "par4m" } },
      { headers },
    );
    expect(running.lines).toHaveLength(1);
    expect(running.lines[0]).toEqual({
      level: "debug",
      time: expect.any(String),
      rpc: "leasehold.v1.SecretService/Read",
      code: "OK",
      durationMs: expect.any(Number),
      peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      requestId: running.fake.asked[0]?.context.requestId,
      msg: "call finished",
    });
    expect(JSON.stringify(running.lines)).not.toMatch(/s3cr3t|t0ken|par4m/);
  });

  test("has one info line for a call that was refused, with the reason and no message", async () => {
    running.fake.answers.read = () => {
      throw new CoreError("NO_MOUNT", "No mount at the path of my secret.");
    };
    await failureOf(clientsOf(running, "Connect").secrets.read({ path: "a" }));
    expect(running.lines).toMatchObject([{ level: "info", code: "NotFound", reason: "NO_MOUNT" }]);
    expect(JSON.stringify(running.lines)).not.toContain("my secret");
  });

  test.each(["Basic dXNlcjpwYXNz", "Bearer", "Bearer a b", "t0ken"])(
    "an authorization header %j carries no token",
    async (authorization) => {
      running.fake.answers.read = () => reply;
      await clientsOf(running, "Connect").secrets.read({ path: "a" }, { headers: { authorization } });
      await clientsOf(running, "gRPC").secrets.read({ path: "a" }, { headers: { authorization } });
      expect(running.fake.asked.map(({ context }) => context.token)).toEqual([undefined, undefined]);
    },
  );
});
