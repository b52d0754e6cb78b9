import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { readTlsIdentity, TlsIdentityError } from "../../src/rpc/tls-identity.ts";
import { makeCertificate, type TestCertificate } from "../kit/test-certificates.ts";
import { type RunningServers, runServers } from "./running-servers.ts";

const ca = makeCertificate({ commonName: "test CA", isCa: true });
const own = (commonName = "localhost") =>
  makeCertificate({ commonName, issuer: ca, dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] });
const client = makeCertificate({
  commonName: "ci",
  issuer: ca,
  dnsNames: ["ci.example.com"],
  uris: ["spiffe://example.com/ci"],
});
const stranger = makeCertificate({ commonName: "stranger" });

let dir: string;
let running: RunningServers | undefined;

const file = (name: string) => join(dir, name);
const show = async ({ cert, key }: TestCertificate) => {
  await writeFile(file("cert.pem"), cert);
  await writeFile(file("key.pem"), key);
};
const files = (changes: object = {}) => ({
  certFile: file("cert.pem"),
  keyFile: file("key.pem"),
  clientCaFile: undefined,
  isClientCertRequired: false,
  ...changes,
});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "leasehold-tls-"));
  await writeFile(file("ca.pem"), ca.cert);
});
afterAll(() => rm(dir, { recursive: true }));
afterEach(() => {
  running?.servers.close();
  running = undefined;
});

async function start(changes: object = {}, identity = own()): Promise<RunningServers> {
  await show(identity);
  running = await runServers({ listMounts: async () => [] }, { tls: files(changes) });
  return running;
}

/** Calls ListMounts over gRPC; answers "OK", or the status. */
function callGrpc({ servers }: RunningServers, shown?: TestCertificate): Promise<string> {
  const secure = credentials.createSsl(
    Buffer.from(ca.cert),
    shown ? Buffer.from(shown.key) : null,
    shown ? Buffer.from(shown.cert) : null,
  );
  const caller = new Client(`localhost:${servers.grpcPort}`, secure);
  const bytes = (value: Buffer) => value;
  return new Promise((resolve) => {
    caller.makeUnaryRequest(
      "/leasehold.v1.MountService/ListMounts",
      bytes,
      bytes,
      Buffer.alloc(0),
      new Metadata(),
      { deadline: Date.now() + 8000 },
      (error) => {
        caller.close();
        resolve(error ? `${error.code}` : "OK");
      },
    );
  });
}

/** Calls ListMounts over HTTPS; answers the status, or the code of the error. */
function callHttp({ servers }: RunningServers, shown?: TestCertificate): Promise<number | string> {
  return new Promise((resolve) => {
    const call = request(
      {
        ...{ host: "localhost", port: servers.httpPort, path: "/leasehold.v1.MountService/ListMounts" },
        ...{ method: "POST", headers: { "content-type": "application/json" }, ca: ca.cert, agent: false },
        ...(shown && { key: shown.key, cert: shown.cert }),
      },
      (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      },
    );
    call.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    call.end("{}");
  });
}

/** Shakes hands, and answers the socket. */
function shakeHands(port: number, options: object = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls(
      { host: "127.0.0.1", port, ca: ca.cert, servername: "localhost", ...options },
      () => resolve(socket),
    );
    socket.on("error", reject);
  });
}

describe("listeners with an identity", () => {
  test("answer over TLS 1.3, on gRPC and on HTTP", async () => {
    const servers = await start();
    expect([await callGrpc(servers), await callHttp(servers)]).toEqual(["OK", 200]);
    const socket = await shakeHands(servers.servers.grpcPort, { ALPNProtocols: ["h2"] });
    expect([socket.getProtocol(), socket.alpnProtocol]).toEqual(["TLSv1.3", "h2"]);
    socket.destroy();
  });

  test("refuse TLS 1.2, and plain text", async () => {
    const { servers } = await start();
    await expect(shakeHands(servers.grpcPort, { maxVersion: "TLSv1.2" })).rejects.toThrow();
    const ended = await new Promise((resolve) => {
      const socket = connect(servers.grpcPort, "127.0.0.1");
      socket.on("close", () => resolve("closed"));
      socket.on("error", () => {});
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    });
    expect(ended).toBe("closed");
  });

  test("let handlers know the certificate that a caller has shown", async () => {
    const servers = await start({ clientCaFile: file("ca.pem") });
    expect([await callGrpc(servers, client), await callHttp(servers, client)]).toEqual(["OK", 200]);
    expect([await callGrpc(servers), await callHttp(servers)]).toEqual(["OK", 200]);
    const shown = servers.fake.asked.map(({ context }) => context.peerCertificate);
    expect(shown).toMatchObject([
      ...[0, 1].map(() => ({
        commonName: "ci",
        dnsNames: ["ci.example.com"],
        uris: ["spiffe://example.com/ci"],
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      })),
      ...[undefined, undefined],
    ]);
  });

  test("take no certificate that their CA has not signed, and want one where that is said", async () => {
    const servers = await start({ clientCaFile: file("ca.pem") });
    expect(await callGrpc(servers, stranger)).toBe("14");
    expect(await callHttp(servers, stranger)).toEqual(expect.any(String));
    servers.servers.close();
    const strict = await start({ clientCaFile: file("ca.pem"), isClientCertRequired: true });
    expect(await callGrpc(strict)).toBe("14");
    expect(await callGrpc(strict, client)).toBe("OK");
  });

  test("show a new certificate once its files have changed, and keep the old one while they cannot be used", async () => {
    const { servers } = await start();
    const subject = async () => {
      const socket = await shakeHands(servers.httpPort);
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN;
    };
    for (const half of ["half a fi", `${own("half").cert.slice(0, 300)}\n${ca.cert}`]) {
      await writeFile(file("cert.pem"), half);
      servers.reload();
      expect(await subject()).toBe("localhost");
    }
    await show(own("renewed"));
    servers.reload();
    expect(await subject()).toBe("renewed");
    expect(running?.lines.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining([
        "the certificate files cannot be used; what was read before stays",
        "the certificate files have changed, and are in use",
      ]),
    );
  });
});

describe("certificates of clients", () => {
  test("cannot pass one name for two, and keep names with special characters", async () => {
    const uris = ["spiffe://example.com/a, URI:spiffe://example.com/admin", 'x"y\\z'];
    const servers = await start({ clientCaFile: file("ca.pem") });
    await callHttp(
      servers,
      makeCertificate({ commonName: "x\nCN=admin", issuer: ca, uris, dnsNames: ["a, DNS:b"] }),
    );
    expect(servers.fake.asked[0]?.context.peerCertificate).toMatchObject({ uris, dnsNames: ["a, DNS:b"] });
    expect(servers.fake.asked[0]?.context.peerCertificate?.commonName).not.toBe("admin");
  });

  test("are not believed by a session from before their CA was exchanged", async () => {
    const servers = await start({ clientCaFile: file("ca.pem") });
    const port = servers.servers.grpcPort;
    const shown = { cert: client.cert, key: client.key, ALPNProtocols: ["h2"] };
    const first = await shakeHands(port, shown);
    const session = await new Promise<Buffer>((resolve) => first.once("session", resolve));
    first.destroy();
    const again = await shakeHands(port, { ...shown, session });
    expect(again.isSessionReused()).toBe(true);
    again.destroy();
    await writeFile(file("ca.pem"), makeCertificate({ commonName: "another CA", isCa: true }).cert);
    servers.servers.reload();
    const refused = await shakeHands(port, { ...shown, session });
    expect(refused.isSessionReused()).toBe(false);
    await new Promise<void>((resolve) => refused.once("close", () => resolve()).resume());
    await writeFile(file("ca.pem"), ca.cert);
  });
});

describe("an identity", () => {
  test.each([
    ["a file that is not there", async () => rm(file("cert.pem")), "ENOENT"],
    ["no certificate", async () => writeFile(file("cert.pem"), "nothing"), "no certificate"],
    [
      "a broken one",
      async () => writeFile(file("cert.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
      "cannot be read",
    ],
    [
      "one of which the first half is there, and a whole one after it",
      async () => writeFile(file("cert.pem"), `${own().cert.slice(0, 300)}\n${ca.cert}`),
      "cannot be read",
    ],
    ["another's key", async () => writeFile(file("key.pem"), stranger.key), "cannot be used together"],
    [
      "one that has expired",
      async () => show(makeCertificate({ commonName: "old", notAfter: new Date(Date.now() - 1000) })),
      "has expired",
    ],
  ])("is refused with %s", async (_what, spoil, words) => {
    await show(own());
    await spoil();
    expect(() => readTlsIdentity(files(), Date.now())).toThrow(TlsIdentityError);
    expect(() => readTlsIdentity(files(), Date.now())).toThrow(words);
  });
});
