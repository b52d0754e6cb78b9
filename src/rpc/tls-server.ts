import type { Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { PeerCertificate } from "../core/path.ts";
import type { TlsFiles, TlsIdentity } from "./tls-identity.ts";

/** A client that has not shaken hands by then is cut off, in milliseconds. */
const handshakeMsMax = 10_000;

/** What makes connections secure before a server gets them. */
export interface TlsServer {
  /** Shakes hands on a connection, and hands it over once that is done. */
  accept(socket: Socket): void;
  /** Shows this identity to whoever connects from now on; connections that are there stay. */
  use(identity: TlsIdentity): void;
  /** The certificate that the peer with this address and port has proved to hold. */
  certificateOf(peer: string): PeerCertificate | undefined;
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}:${remotePort}`;
}

/** `[::1]:1` and `::1:1` name the same peer, in two spellings. */
const plain = (peer: string): string => peer.replace(/^\[(.*)\]:(\d+)$/, "$1:$2");

/**
 * One of the names of a certificate. Node prints those with special characters as strings of JSON, commas escaped, so that a name
 * cannot pass for two.
 */
const nameOf = (text: string): string => (text.startsWith('"') ? String(JSON.parse(text)) : text);

/** What a handler may know of the certificate of a connection; undefined where none was shown. */
function peerCertificateOf(socket: TLSSocket): PeerCertificate | undefined {
  if (!socket.authorized) return undefined;
  const shown = socket.getPeerX509Certificate();
  if (!shown) return undefined;
  const names = (shown.subjectAltName ?? "").split(", ");
  const named = (prefix: string) =>
    names.filter((name) => name.startsWith(prefix)).map((name) => nameOf(name.slice(prefix.length)));
  return {
    raw: new Uint8Array(shown.raw),
    fingerprint: shown.fingerprint256.replaceAll(":", "").toLowerCase(),
    commonName: /^CN=(.*)$/m.exec(shown.subject)?.[1] ?? "",
    dnsNames: named("DNS:"),
    uris: named("URI:"),
    notAfterMs: Date.parse(shown.validTo),
  };
}

/**
 * Makes a TLS 1.3 server that owns no listening socket. A peer's address and port name one connection of a listener at a time: the
 * operating system gives a pair to one connection only, so that what is kept by it cannot be taken for another's.
 */
export function createTlsServer(options: {
  readonly files: Pick<TlsFiles, "clientCaFile" | "isClientCertRequired">;
  readonly identity: TlsIdentity;
  /** Protocols to agree on, such as `h2`. */
  readonly protocols: readonly string[];
  /** Takes a connection over that is secure by now. */
  readonly onSecure: (socket: TLSSocket) => void;
}): TlsServer {
  const { files, identity, protocols, onSecure } = options;
  const certificates = new Map<string, PeerCertificate>();
  const server: Server = createServer(
    {
      ...identity.options,
      minVersion: "TLSv1.3",
      ALPNProtocols: [...protocols],
      handshakeTimeout: handshakeMsMax,
      requestCert: files.clientCaFile !== undefined,
      rejectUnauthorized: files.isClientCertRequired,
    },
    (socket) => {
      const { authorizationError } = socket;
      // One that is shown must be good, also where none has to be.
      if (authorizationError && socket.getPeerX509Certificate()) {
        socket.destroy();
        return;
      }
      const peer = peerOf(socket);
      const certificate = peerCertificateOf(socket);
      if (certificate) {
        certificates.set(peer, certificate);
        socket.once("close", () => certificates.delete(peer));
      }
      onSecure(socket);
    },
  );
  server.on("tlsClientError", (_error, socket) => socket.destroy());

  return {
    // Node documents the event for handing connections to a server that does not listen itself.
    accept: (socket) => void server.emit("connection", socket),
    use: ({ options: changed }) => server.setSecureContext({ ...changed, minVersion: "TLSv1.3" }),
    certificateOf: (peer) => certificates.get(plain(peer)),
  };
}
