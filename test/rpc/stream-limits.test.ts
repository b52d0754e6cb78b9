import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { Code } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";
import { eventSource, leaseEvent } from "./event-source.ts";
import { clientsOf, failureOf, type RunningServers, runServers, until } from "./running-servers.ts";

const path = "/leasehold.v1.LeaseService/Watch";

let running: RunningServers;
const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  running.servers.close();
});

/** An event every time, each some 10 kB, as fast as they are asked for. */
function* flood() {
  const resumeToken = "x".repeat(10_000);
  for (let n = 1; ; n++) yield () => leaseEvent(n, { resumeToken });
}

/** Resolves once `count` has stayed the same for as long as a busy server would never let it. */
async function settled(count: () => number): Promise<number> {
  let last = -1;
  let sinceMs = performance.now();
  await until(() => {
    if (count() !== last) {
      last = count();
      sinceMs = performance.now();
    }
    return last > 0 && performance.now() - sinceMs > 200;
  });
  return last;
}

/** An empty message, not compressed: the request of both protocols. */
const emptyMessage = Buffer.alloc(5);

/** Asks for a stream without reading any of it; answers how to hang up. */
const nonReaders = {
  gRPC: () => {
    // Not a client of grpc-js: that reads on and on, whether its caller does or not.
    const session = connectHttp2(running.grpcUrl);
    session.on("error", () => undefined);
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    stream.on("error", () => undefined);
    stream.pause();
    stream.end(emptyMessage);
    return () => session.destroy();
  },
  HTTP: () => {
    const socket = connect({ host: "127.0.0.1", port: running.servers.httpPort });
    socket.on("error", () => undefined);
    socket.pause();
    const head = `POST ${path} HTTP/1.1\r\nHost: a\r\ncontent-type: application/connect+proto\r\n`;
    socket.write(`${head}content-length: 5\r\n\r\n`);
    socket.write(emptyMessage);
    return () => socket.destroy();
  },
};

describe.each(["gRPC", "HTTP"] as const)("over %s, a caller that does not read", (protocol) => {
  // What the two kernels and the two ends of the connection buffer: some MB, and no more, whatever comes.
  const pulledMax = 2000;

  test("stops the events, and hanging up ends them", async () => {
    const { watchLeases, watched } = eventSource(flood());
    running = await runServers({ watchLeases });
    const hangUp = nonReaders[protocol]();
    cleanups.push(hangUp);
    expect(await settled(() => watched[0]?.pulled ?? 0)).toBeLessThan(pulledMax);
    expect(watched[0]?.signal.aborted).toBe(false);
    hangUp();
    await until(() => watched[0]?.isReleased === true);
    expect(running.lines).toMatchObject([{ code: "Canceled", messages: expect.any(Number) }]);
    expect(watched[0]?.pulled).toBeLessThan(pulledMax);
  });

  test("does not keep the server from stopping", async () => {
    const { watchLeases, watched } = eventSource(flood());
    running = await runServers({ watchLeases });
    cleanups.push(nonReaders[protocol]());
    await settled(() => watched[0]?.pulled ?? 0);
    const startedMs = Date.now();
    await running.servers.drain(5000);
    expect(Date.now() - startedMs).toBeLessThan(4000);
    expect(running.lines).toMatchObject([{ code: "Unavailable" }]);
  });
});

describe("streams", () => {
  test("beyond the number of all are refused on both listeners, and a place that gets free is used", async () => {
    const { watchLeases, watched } = eventSource([], { isEndless: true });
    running = await runServers({ watchLeases }, { limits: { replyStreamsMax: 2 } });
    const first = async (protocol: "gRPC" | "Connect", signal?: AbortSignal) => {
      const replies = clientsOf(running, protocol).leases.watch({}, signal ? { signal } : {});
      return replies[Symbol.asyncIterator]().next();
    };
    const stops = [new AbortController(), new AbortController()];
    const held = [failureOf(first("gRPC", stops[0]?.signal)), failureOf(first("Connect", stops[1]?.signal))];
    await until(() => watched.length === 2);
    for (const protocol of ["gRPC", "Connect"] as const) {
      const { error, details } = await failureOf(first(protocol));
      expect(error.code).toBe(Code.ResourceExhausted);
      expect(details).toMatchObject([
        { reason: ErrorReason.LIMIT_EXCEEDED, metadata: { streams: "2", streams_max: "2" } },
      ]);
    }
    stops[0]?.abort();
    await held[0];
    await until(() => watched[0]?.isReleased === true);
    held[0] = failureOf(first("Connect"));
    await until(() => watched.length === 3);
    stops[1]?.abort();
    running.servers.close();
    await Promise.all(held);
  });

  test("that an undecodable request asks for are refused with an ErrorDetail by both protocols of HTTP", async () => {
    running = await runServers();
    const bytes = Buffer.from([0, 0, 0, 0, 3, 0xff, 0xff, 0xff]);
    for (const type of ["application/connect+proto", "application/grpc-web+proto"]) {
      const headers = { "content-type": type };
      const reply = await fetch(`${running.httpUrl}${path}`, { method: "POST", headers, body: bytes });
      expect(reply.status).toBe(200);
      const text = await reply.text();
      expect(text).toContain(
        type.includes("connect") ? '"type":"leasehold.v1.ErrorDetail"' : "grpc-status: 3",
      );
      expect(text).toContain(
        type.includes("connect") ? '"code":"invalid_argument"' : "grpc-status-details-bin",
      );
      expect(running.lines.at(-1)).toMatchObject({
        reason: "INVALID_FIELD",
        msg: "call refused before its handler",
      });
    }
    expect(running.fake.asked).toEqual([]);
  });
});
