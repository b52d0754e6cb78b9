import { connect, type Socket } from "node:net";
import { Code } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/leasehold/v1/errors_pb.ts";
import { defaultRpcLimits, type RpcLimits } from "../../src/rpc/limits.ts";
import {
  clientsOf,
  failureOf,
  protocols,
  type RunningServers,
  runServers,
  until,
} from "./running-servers.ts";

let running: RunningServers;
const sockets: Socket[] = [];

async function start(limits: Partial<RpcLimits> = {}): Promise<void> {
  const reply = { data: {}, lease: undefined, warnings: [] };
  running = await runServers({ write: () => reply, read: () => reply }, { limits });
}

/** Opens a connection, and collects what comes back until it ends. */
function dial(port: number) {
  const socket = connect({ host: "127.0.0.1", port });
  sockets.push(socket);
  const seen = { text: "", isClosed: false };
  socket.on("data", (bytes) => {
    seen.text += bytes.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    seen.isClosed = true;
  });
  return { socket, seen };
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  running.servers.close();
});

const post = (url: string, init: RequestInit) =>
  fetch(`${url}/leasehold.v1.SecretService/Write`, {
    method: "POST",
    ...init,
    headers: { "content-type": "application/json", ...init.headers },
  });

describe("a message", () => {
  test.each(protocols)("over the limit is refused with LIMIT_EXCEEDED over %s", async (protocol) => {
    await start();
    const { secrets } = clientsOf(running, protocol);
    const fits = "x".repeat(defaultRpcLimits.requestBytesMax - 200);
    await secrets.write({ path: "secret/a", data: { value: fits } });
    const tooLong = "x".repeat(defaultRpcLimits.requestBytesMax);
    const { error, details } = await failureOf(secrets.write({ path: "secret/a", data: { value: tooLong } }));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(details).toMatchObject([{ reason: ErrorReason.LIMIT_EXCEEDED }]);
    // The connection is not lost to it.
    await secrets.write({ path: "secret/a", data: { value: "x" } });
  });

  test("many times over the limit is refused by both stacks", async () => {
    await start();
    const data = { value: "x".repeat(3 * 1024 * 1024) };
    const grpc = await failureOf(clientsOf(running, "gRPC").secrets.write({ path: "a", data }));
    expect(grpc.error.code).toBe(Code.ResourceExhausted);
    const http = await post(running.httpUrl, { body: JSON.stringify({ path: "a", data }) });
    expect(http.status).toBe(429);
    expect(await http.json()).toMatchObject({ code: "resource_exhausted" });
  });

  test("of unknown length is refused once it is over the limit", async () => {
    await start();
    const chunk = new TextEncoder().encode("x".repeat(40_000));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let i = 0; i < 5; i++) controller.enqueue(chunk);
        controller.close();
      },
    });
    const reply = await post(running.httpUrl, { body, duplex: "half" } as RequestInit);
    expect(reply.status).toBe(429);
    expect(await reply.json()).toMatchObject({
      details: [{ debug: { reason: "ERROR_REASON_LIMIT_EXCEEDED" } }],
    });
  });

  test.each(protocols)("that answers more than the limit is refused over %s", async (protocol) => {
    await start({ responseBytesMax: 1000 });
    running.fake.answers.read = () => ({ data: { v: "x".repeat(2000) }, lease: undefined, warnings: [] });
    const { error, details } = await failureOf(clientsOf(running, protocol).secrets.read({ path: "a" }));
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(details).toMatchObject([{ reason: ErrorReason.LIMIT_EXCEEDED }]);
  });

  test("that goes on after it was refused is read and dropped, and the connection serves the next one", async () => {
    await start({ requestBytesMax: 1000 });
    const { socket, seen } = dial(running.servers.httpPort);
    const chunk = `${(5000).toString(16)}\r\n${"x".repeat(5000)}\r\n`;
    const head =
      "POST /leasehold.v1.SecretService/Write HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\n";
    socket.write(`${head}transfer-encoding: chunked\r\n\r\n${chunk}`);
    await until(() => seen.text.includes("HTTP/1.1 429"));
    for (let i = 0; i < 100; i++) socket.write(chunk);
    socket.write(`0\r\n\r\n${head}content-length: 2\r\n\r\n{}`);
    await until(() => seen.text.includes("HTTP/1.1 200"));
  });

  test("compressed on HTTP is refused, since a few bytes could be many", async () => {
    await start();
    const reply = await post(running.httpUrl, { body: "{}", headers: { "content-encoding": "gzip" } });
    expect(reply.status).toBe(501);
    expect(await reply.json()).toMatchObject({ details: [{ type: "leasehold.v1.ErrorDetail" }] });
  });
});

describe("headers", () => {
  test("that are too long are refused with 431 and an ErrorDetail", async () => {
    await start();
    const reply = await fetch(`${running.httpUrl}/healthz`, { headers: { bomb: "x".repeat(20_000) } });
    expect(reply.status).toBe(431);
    expect(await reply.json()).toMatchObject({
      details: [{ debug: { reason: "ERROR_REASON_LIMIT_EXCEEDED" } }],
    });
  });

  test("that are too many are refused with 431, and not dropped", async () => {
    await start();
    const headers = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`h${i}`, "x"]));
    const reply = await fetch(`${running.httpUrl}/healthz`, { headers });
    expect(reply.status).toBe(431);
    expect(await reply.json()).toMatchObject({ code: "resource_exhausted" });
  });

  test("that are too long are refused on gRPC", async () => {
    await start();
    const headers = { bomb: "x".repeat(100_000) };
    const call = clientsOf(running, "gRPC").secrets.read({ path: "a" }, { headers });
    await failureOf(call);
    expect(running.fake.asked).toHaveLength(0);
  });
});

describe("connections", () => {
  test("beyond the number for one address are closed at once, and counted", async () => {
    await start({ connectionsPerAddressMax: 2 });
    for (const kind of ["grpc", "http"] as const) {
      const port = kind === "grpc" ? running.servers.grpcPort : running.servers.httpPort;
      const [first, second] = [dial(port), dial(port)];
      await until(() => running.servers.connections()[kind].open === 2);
      const third = dial(port);
      await until(() => third.seen.isClosed);
      expect(first.seen.isClosed || second.seen.isClosed).toBe(false);
      expect(running.servers.connections()[kind]).toEqual({
        open: 2,
        accepted: 2,
        refused: 0,
        refusedByAddress: 1,
      });
      first.socket.destroy();
      await until(() => running.servers.connections()[kind].open === 1);
      const fourth = dial(port);
      await until(() => running.servers.connections()[kind].open === 2);
      expect(fourth.seen.isClosed).toBe(false);
    }
  });

  test("beyond the number of all are closed at once, and counted", async () => {
    await start({ connectionsMax: 1 });
    dial(running.servers.httpPort);
    await until(() => running.servers.connections().http.open === 1);
    const second = dial(running.servers.httpPort);
    await until(() => second.seen.isClosed);
    expect(running.servers.connections().http).toMatchObject({ open: 1, accepted: 1, refused: 1 });
  });

  test("on which a request trickles in end with 408", async () => {
    await start({ headersTimeoutMs: 100, requestTimeoutMs: 100, timeoutCheckMs: 20 });
    const slowHeaders = dial(running.servers.httpPort);
    slowHeaders.socket.write("POST /leasehold.v1.SecretService/Read HTTP/1.1\r\nHost: a\r\n");
    const slowBody = dial(running.servers.httpPort);
    slowBody.socket.write(
      "POST /leasehold.v1.SecretService/Read HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{",
    );
    await until(() => slowHeaders.seen.isClosed && slowBody.seen.isClosed);
    expect(slowHeaders.seen.text).toMatch(/^HTTP\/1\.1 408 /);
    expect(slowBody.seen.text).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("are asked to close with the last of the requests they may carry", async () => {
    await start({ requestsPerConnectionMax: 2 });
    const { socket, seen } = dial(running.servers.httpPort);
    const request = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    socket.write(request);
    await until(() => seen.text.includes('"ok"'));
    expect(seen.text).toMatch(/Connection: keep-alive/i);
    socket.write(request);
    await until(() => seen.text.match(/HTTP\/1\.1 200/g)?.length === 2);
    expect(seen.text).toMatch(/Connection: close/i);
    socket.write(request);
    await until(() => seen.text.includes("HTTP/1.1 503"));
  });

  test("that speak no HTTP get an answer or are closed, and harm nobody", async () => {
    await start();
    const grpc = dial(running.servers.grpcPort);
    grpc.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const http = dial(running.servers.httpPort);
    http.socket.write("\x16\x03\x01 hello\r\n\r\n");
    await until(() => grpc.seen.isClosed && http.seen.isClosed);
    expect(http.seen.text).toContain("This is not an HTTP/1.1 request.");
    await clientsOf(running, "gRPC").secrets.read({ path: "a" });
    await clientsOf(running, "Connect").secrets.read({ path: "a" });
  });
});
