import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { findLoopbackPort } from "../../src/dev/redis/loopback-port.ts";
import { startTestRedis, type TestRedis } from "./redis-server.ts";
import { makeCertificate } from "./test-certificates.ts";

/** A Redis that is reached over TLS as well; its certificate is of a CA of its own. */
export interface TlsRedis {
  /** In plain text, for whoever sets it up. */
  readonly plain: TestRedis;
  readonly tlsPort: number;
  /** The CA, in PEM, and a file with it. */
  readonly ca: string;
  readonly caFile: string;
  stop(): Promise<void>;
}

/**
 * Starts a Redis with TLS. Where the server program was built without it, as that of the Python wheel is, a warning says so, and a
 * TLS server of Node stands in front of it.
 */
export async function startTlsRedis(): Promise<TlsRedis> {
  const dir = await mkdtemp(join(tmpdir(), "leasehold-redis-tls-"));
  const ca = makeCertificate({ commonName: "test CA", isCa: true });
  const own = makeCertificate({ commonName: "redis", issuer: ca, ipAddresses: ["127.0.0.1"] });
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text);
    return join(dir, name);
  };
  const caFile = await file("ca.pem", ca.cert);
  const tlsPort = await findLoopbackPort();
  const tls = {
    "--tls-port": String(tlsPort),
    "--tls-cert-file": await file("cert.pem", own.cert),
    "--tls-key-file": await file("key.pem", own.key),
    "--tls-ca-cert-file": caFile,
    "--tls-auth-clients": "no",
  };
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    const plain = await startTestRedis({ appendOnly: false, extraArgs: Object.entries(tls).flat() });
    const stop = async () => {
      await plain.stop();
      await remove();
    };
    return { plain, tlsPort, ca: ca.cert, caFile, stop };
  } catch {
    console.warn("NOT TESTED with the TLS of Redis itself, which was built without it, but with Node's.");
  }
  const plain = await startTestRedis({ appendOnly: false });
  const front = createServer({ cert: own.cert, key: own.key }, (socket) => {
    const inner = connect(plain.port, "127.0.0.1");
    socket.pipe(inner).pipe(socket);
    for (const [one, other] of [[socket, inner] as const, [inner, socket] as const])
      one.on("error", () => other.destroy());
  });
  await new Promise<void>((resolve) => front.listen(tlsPort, "127.0.0.1", resolve));
  const stop = async () => {
    front.close();
    await plain.stop();
    await remove();
  };
  return { plain, tlsPort, ca: ca.cert, caFile, stop };
}
