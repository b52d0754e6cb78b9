import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../kit/test-certificates.ts";
import { clientsOf, type RunningServers, runServers, until } from "./running-servers.ts";

// Frames of RFC 9113, 4.1: length, type, flags, stream, payload.
const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
  unknown: 99,
};

function frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const preface = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(types.settings, 0, 0)]);

/** A literal header without indexing (RFC 7541, 6.2.2). */
function header(name: string, value: string): Buffer {
  const length = (text: string) =>
    text.length < 127
      ? Buffer.from([text.length])
      : Buffer.from([127, ((text.length - 127) & 127) | 128, (text.length - 127) >> 7]);
  return Buffer.concat([
    Buffer.from([0]),
    length(name),
    Buffer.from(name),
    length(value),
    Buffer.from(value),
  ]);
}

const headersOf = (path: string) =>
  Buffer.concat([
    header(":method", "POST"),
    header(":scheme", "http"),
    header(":path", path),
    header(":authority", "x"),
    header("content-type", "application/grpc"),
  ]);
const requestHeaders = headersOf("/leasehold.v1.MountService/ListMounts");

let running: RunningServers;
const dir = mkdtemp(join(tmpdir(), "leasehold-floods-"));
const identity = makeCertificate({ commonName: "localhost", dnsNames: ["localhost"] });

beforeAll(async () => {
  await writeFile(join(await dir, "cert.pem"), identity.cert);
  await writeFile(join(await dir, "key.pem"), identity.key);
});
afterAll(async () => await rm(await dir, { recursive: true }));
afterEach(() => running.servers.close());

/** The frames in what a server has sent. */
function framesIn(bytes: Buffer) {
  const found: { readonly type: number; readonly stream: number; readonly payload: Buffer }[] = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    const payload = bytes.subarray(at + 9, at + 9 + bytes.readUIntBE(at, 3));
    found.push({ type: bytes.readUInt8(at + 3), stream: bytes.readUInt32BE(at + 5), payload });
  }
  return found;
}

const typesOf = (bytes: Buffer): readonly number[] => framesIn(bytes).map(({ type }) => type);

/** Floods a connection until it is closed; answers how many bytes it took. Bounded, and ends with the connection. */
async function flood(socket: Socket, next: (at: number) => Buffer): Promise<number> {
  const bytesMax = 512 * 1024 * 1024;
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {});
  socket.resume();
  socket.write(preface);
  let sent = 0;
  for (let at = 0; !socket.destroyed && sent < bytesMax; at++) {
    const bytes = next(at);
    sent += bytes.length;
    if (socket.write(bytes)) continue;
    await Promise.race([closed, new Promise<void>((resolve) => socket.once("drain", () => resolve()))]);
  }
  if (!socket.destroyed) throw new Error(`The connection took ${sent} bytes, and is still open.`);
  return sent;
}

const many = (bytes: Buffer) => Buffer.concat(Array.from({ length: 2000 }, () => bytes));
const floods: readonly (readonly [string, (at: number) => Buffer])[] = [
  ["PING frames", () => many(frame(types.ping, 0, 0, Buffer.alloc(8)))],
  ["answers to PING frames that nobody sent", () => many(frame(types.ping, 1, 0, Buffer.alloc(8)))],
  ["SETTINGS frames", () => many(frame(types.settings, 0, 0))],
  ["window updates", () => many(frame(types.windowUpdate, 0, 0, Buffer.from([0, 0, 0, 1])))],
  ["priorities", () => many(frame(types.priority, 0, 1, Buffer.from([0, 0, 0, 0, 1])))],
  ["frames of no known type", () => many(frame(types.unknown, 0, 0, Buffer.alloc(100)))],
  [
    "empty pieces of a message",
    (at) => (at === 0 ? frame(types.headers, 4, 1, requestHeaders) : many(frame(types.data, 0, 1))),
  ],
  [
    "streams that are reset at once",
    (at) =>
      Buffer.concat([
        frame(types.headers, 4, 2 * at + 1, requestHeaders),
        frame(types.reset, 0, 2 * at + 1, Buffer.alloc(4)),
      ]),
  ],
  [
    "headers that go on and on",
    (at) =>
      at === 0
        ? frame(types.headers, 0, 1, requestHeaders)
        : frame(types.continuation, 0, 1, header(`x${at}`, "y".repeat(8000))),
  ],
  ["what is no HTTP/2", () => Buffer.alloc(64 * 1024, "x")],
];

describe("a connection that floods the gRPC listener", () => {
  test.each(floods)("with %s is cut, and others go on", { timeout: 30_000 }, async (_what, next) => {
    running = await runServers({ listMounts: async () => [] });
    const cut = flood(connect(running.servers.grpcPort, "127.0.0.1"), next);
    const { mounts } = clientsOf(running, "gRPC");
    await mounts.listMounts({});
    await cut;
    await mounts.listMounts({});
  });

  test("is cut over TLS, too", { timeout: 30_000 }, async () => {
    const folder = await dir;
    const tls = {
      ...{ certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem") },
      ...{ clientCaFile: undefined, isClientCertRequired: false },
    };
    running = await runServers({ listMounts: async () => [] }, { tls });
    const socket = connectTls({
      host: "127.0.0.1",
      port: running.servers.grpcPort,
      ca: identity.cert,
      servername: "localhost",
      ALPNProtocols: ["h2"],
    });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    await flood(socket, () => many(frame(types.ping, 0, 0, Buffer.alloc(8))));
  });
});

describe("a connection on the gRPC listener", () => {
  /** Opens a connection, and collects what the server sends. */
  function open(port: number) {
    const socket = connect(port, "127.0.0.1");
    const seen = { bytes: Buffer.alloc(0), isClosed: false };
    socket.on("data", (bytes) => {
      seen.bytes = Buffer.concat([seen.bytes, bytes]);
    });
    socket.on("close", () => {
      seen.isClosed = true;
    });
    socket.on("error", () => {});
    socket.write(preface);
    return { socket, seen };
  }

  test("is told by GOAWAY that it is cut, once it has made a call", { timeout: 30_000 }, async () => {
    running = await runServers({ listMounts: async () => [] }, { limits: { idleBytesMax: 10_000 } });
    const { socket, seen } = open(running.servers.grpcPort);
    socket.write(frame(types.headers, 4, 1, requestHeaders));
    socket.write(frame(types.data, 1, 1, Buffer.alloc(5)));
    await until(() => typesOf(seen.bytes).includes(types.headers));
    // Few enough to be read whole, so that the last frames of the server are not lost in a reset.
    for (let at = 0; at < 10; at++) socket.write(frame(types.unknown, 0, 0, Buffer.alloc(10_000)));
    await until(() => seen.isClosed);
    expect(typesOf(seen.bytes)).toContain(types.goAway);
    expect(running.lines).toContainEqual(
      expect.objectContaining({ msg: "a connection was cut", peer: expect.any(String) }),
    );
  });

  test("loses a stream whose request does not come to its end, and no other", {
    timeout: 30_000,
  }, async () => {
    running = await runServers(
      { listMounts: async () => [] },
      { limits: { headersTimeoutMs: 200, requestTimeoutMs: 200 } },
    );
    const { socket, seen } = open(running.servers.grpcPort);
    socket.write(frame(types.headers, 4, 1, requestHeaders));
    socket.write(frame(types.data, 0, 1, Buffer.alloc(3)));
    await until(() => typesOf(seen.bytes).includes(types.reset));
    socket.write(frame(types.headers, 4, 3, requestHeaders));
    socket.write(frame(types.data, 1, 3, Buffer.alloc(5)));
    await until(() => typesOf(seen.bytes).includes(types.headers));
    expect(seen.isClosed).toBe(false);
    socket.destroy();
  });

  test("is not read from while it leaves the answers about services unread", {
    timeout: 30_000,
  }, async () => {
    running = await runServers({ listMounts: async () => [] });
    const { socket, seen } = open(running.servers.grpcPort);
    socket.write(
      frame(types.headers, 4, 1, headersOf("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")),
    );
    const name = Buffer.from("leasehold.v1.SecretService");
    // A message of gRPC with one field of protobuf: `file_containing_symbol`.
    const question = Buffer.concat([Buffer.from([0, 0, 0, 0, name.length + 2, 0x22, name.length]), name]);
    const questions = frame(types.data, 0, 1, Buffer.concat(Array.from({ length: 100 }, () => question)));
    const room = () =>
      framesIn(seen.bytes)
        .filter(({ type, stream }) => type === types.windowUpdate && stream === 1)
        .reduce((sum, { payload }) => sum + payload.readUInt32BE(), 65_535);
    let sent = 0;
    for (let pings = 1; pings <= 30; pings++) {
      for (; sent + questions.length <= room(); sent += questions.length) socket.write(questions);
      socket.write(frame(types.ping, 0, 0, Buffer.alloc(8)));
      await until(() => typesOf(seen.bytes).filter((type) => type === types.ping).length === pings);
    }
    // What is on its way through the buffers is read, and no more.
    expect(sent).toBeLessThan(200_000);
    socket.destroy();
  });

  test("stays, however many calls it makes, and however long they are", { timeout: 60_000 }, async () => {
    const limits = { idleBytesMax: 100_000, idleBytesPerSecond: 0 };
    const reply = { data: {}, lease: undefined, warnings: [] };
    running = await runServers({ listMounts: async () => [], write: () => reply }, { limits });
    const { mounts, secrets } = clientsOf(running, "gRPC");
    const headers = { authorization: `Bearer ${"t".repeat(8000)}` };
    const data = { value: "x".repeat(60_000) };
    for (let round = 0; round < 4; round++) {
      const short = Array.from({ length: 50 }, () => mounts.listMounts({}, { headers }));
      const long = Array.from({ length: 50 }, () => secrets.write({ path: "secret/a", data }));
      await Promise.all([...short, ...long]);
    }
    expect(running.lines.filter(({ msg }) => msg === "a connection was cut")).toEqual([]);
    expect(running.servers.connections().grpc.accepted).toBe(1);
  });

  test("is cut where all together hold too much, and it holds most", { timeout: 30_000 }, async () => {
    running = await runServers({ listMounts: async () => [] }, { limits: { unaskedBytesMax: 200_000 } });
    const greedy = open(running.servers.grpcPort);
    const modest = open(running.servers.grpcPort);
    modest.socket.write(frame(types.headers, 4, 1, requestHeaders));
    for (let at = 0; at < 20; at++) {
      greedy.socket.write(frame(types.headers, 4, 2 * at + 1, requestHeaders));
      greedy.socket.write(frame(types.data, 0, 2 * at + 1, Buffer.alloc(16_000)));
    }
    await until(() => greedy.seen.isClosed);
    expect(modest.seen.isClosed).toBe(false);
    modest.socket.destroy();
  });
});
