import { connect, constants, type IncomingHttpHeaders } from "node:http2";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, test } from "vitest";
import { Health } from "../../gen/health/v1/health_pb.ts";
import type { RequestContext } from "../../src/core/requests.ts";
import {
  clientsOf,
  failureOf,
  type RunningServers,
  runServers,
  sendOverGrpcJs,
  until,
} from "./running-servers.ts";

const running: RunningServers[] = [];

async function start(...args: Parameters<typeof runServers>): Promise<RunningServers> {
  const started = await runServers(...args);
  running.push(started);
  return started;
}

afterEach(() => {
  for (const { servers } of running.splice(0)) servers.close();
});

const reply = { data: { done: true }, lease: undefined, warnings: [] };

/** A read that ends when told, and the signals of those under way. */
function heldRead() {
  const release = Promise.withResolvers<typeof reply>();
  const signals: AbortSignal[] = [];
  const read = (_input: unknown, { signal }: RequestContext) => {
    signals.push(signal);
    return release.promise;
  };
  return { read, signals, release: () => release.resolve(reply) };
}

describe("startServers()", () => {
  test("tells in a sentence that an address is in use, and leaves no other one open", async () => {
    const first = await start();
    const port = first.servers.httpPort;
    const failure = start({}, { httpAddress: { host: "127.0.0.1", port } });
    await expect(failure).rejects.toThrow(
      `Cannot listen for HTTP on "127.0.0.1:${port}": another process listens there; stop it or choose another port.`,
    );
  });

  test("tells in a sentence that an address is not of this machine", async () => {
    const failure = start({}, { grpcAddress: { host: "192.0.2.1", port: 0 } });
    await expect(failure).rejects.toThrow(
      'Cannot listen for gRPC on "192.0.2.1:0": this machine does not have',
    );
  });
});

describe("drain()", () => {
  test("lets calls in flight end on both listeners, takes no new connection, and then closes", async () => {
    const { read, signals, release } = heldRead();
    const started = await start({ read });
    const calls = (["gRPC", "Connect", "gRPC-Web"] as const).map((protocol) =>
      clientsOf(started, protocol).secrets.read({ path: "a" }),
    );
    await until(() => signals.length === 3);
    const drained = started.servers.drain(5000);
    await failureOf(clientsOf(started, "gRPC").secrets.read({ path: "late" }));
    await failureOf(clientsOf(started, "Connect").secrets.read({ path: "late" }));
    release();
    for (const call of calls) expect((await call).data).toEqual(reply.data);
    await drained;
    expect(signals.some((signal) => signal.aborted)).toBe(false);
    await until(
      () => started.servers.connections().grpc.open + started.servers.connections().http.open === 0,
    );
  });

  test("sends GOAWAY on an open gRPC connection, answers its calls, and refuses new ones", async () => {
    const { read, signals, release } = heldRead();
    const started = await start({ read });
    const session = connect(started.grpcUrl);
    const heard = { goaway: false, trailers: {} as IncomingHttpHeaders, late: 0 };
    session.on("goaway", () => {
      heard.goaway = true;
    });
    const call = () => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/leasehold.v1.SecretService/Read",
        "content-type": "application/grpc",
      });
      stream.on("error", () => undefined);
      // An empty message: not compressed, of length 0.
      stream.end(Buffer.alloc(5));
      return stream;
    };
    call()
      .on("trailers", (trailers) => {
        heard.trailers = trailers;
      })
      .resume();
    await until(() => signals.length === 1);
    const drained = started.servers.drain(5000);
    const late = call();
    late.on("close", () => {
      heard.late = late.rstCode ?? 0;
    });
    await until(() => heard.goaway && heard.late !== 0);
    expect(heard.late).toBe(constants.NGHTTP2_REFUSED_STREAM);
    release();
    await drained;
    expect(heard.trailers["grpc-status"]).toBe("0");
    expect(signals).toHaveLength(1);
    session.destroy();
  });

  test("ends what is in flight by force once its time is up, and aborts the handlers", async () => {
    const { read, signals } = heldRead();
    const started = await start({ read });
    const overHttp = failureOf(clientsOf(started, "Connect").secrets.read({ path: "a" }));
    const overGrpc = sendOverGrpcJs(started, "/leasehold.v1.SecretService/Read", Buffer.alloc(0));
    await until(() => signals.length === 2);
    await started.servers.drain(50);
    await overHttp;
    expect((await overGrpc).error).not.toBeNull();
    await until(() => signals.every((signal) => signal.aborted));
    expect(signals.map((signal) => signal.reason.code)).toEqual(["CANCELLED", "CANCELLED"]);
  });

  test("does not wait for those who watch the health, and tells them", async () => {
    const started = await start();
    started.servers.setServing(true);
    const health = createClient(Health, createGrpcTransport({ baseUrl: started.grpcUrl }));
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { status } of health.watch({})) seen.push(status);
    })();
    await until(() => seen.length === 1);
    const startedMs = Date.now();
    await started.servers.drain(5000);
    expect(Date.now() - startedMs).toBeLessThan(4000);
    await watching;
    expect(seen).toEqual([1, 2]);
  });

  test("of idle servers is immediate, and close() after it does no harm", async () => {
    const started = await start({ read: () => reply });
    await clientsOf(started, "gRPC").secrets.read({ path: "a" });
    await (await fetch(`${started.httpUrl}/healthz`)).text();
    const startedMs = Date.now();
    await started.servers.drain(5000);
    expect(Date.now() - startedMs).toBeLessThan(4000);
    started.servers.close();
    await expect(fetch(`${started.httpUrl}/healthz`)).rejects.toThrow();
  });
});
