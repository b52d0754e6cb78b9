import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { makeCertificate } from "../kit/test-certificates.ts";
import { clientsOf, type RunningServers, runServers } from "./running-servers.ts";

// Frames of RFC 9113, 4.1: length, type, flags, stream, payload.
const types = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, windowUpdate: 8, continuation: 9 };

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

const requestHeaders = Buffer.concat([
  header(":method", "POST"),
  header(":scheme", "http"),
  header(":path", "/leasehold.v1.MountService/ListMounts"),
  header(":authority", "x"),
  header("content-type", "application/grpc"),
]);

let running: RunningServers;
const dir = mkdtemp(join(tmpdir(), "leasehold-floods-"));
const identity = makeCertificate({ commonName: "localhost", dnsNames: ["localhost"] });

beforeAll(async () => {
  await writeFile(join(await dir, "cert.pem"), identity.cert);
  await writeFile(join(await dir, "key.pem"), identity.key);
});
afterAll(async () => await rm(await dir, { recursive: true }));
afterEach(() => running.servers.close());

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
