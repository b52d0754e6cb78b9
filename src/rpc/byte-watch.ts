import type { Socket } from "node:net";
import type { RpcLimits } from "./limits.ts";

/** How often connections are looked at, in milliseconds. */
const lookEveryMs = 500;

interface Watched {
  readonly socket: Socket;
  bytesSeen: number;
  /** Bytes that no call accounts for. */
  debt: number;
}

/**
 * Cuts connections that send much and ask for nothing. Node passes the frames of HTTP/2 from the socket to its own code, so floods
 * of PING, SETTINGS or empty frames show nowhere but in the bytes; resets in quick succession Node itself answers by ending the session.
 */
export interface ByteWatch {
  add(socket: Socket): void;
  /** Notes a call of the peer with this address and port: its message accounts for bytes. */
  noteCall(peer: string): void;
  /** Looks at all connections now. */
  look(elapsedMs: number): void;
  close(): void;
}

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress}:${remotePort}`;
const plain = (peer: string): string => peer.replace(/^\[(.*)\]:(\d+)$/, "$1:$2");

/** Makes a watch. */
export function createByteWatch(
  limits: Pick<RpcLimits, "idleBytesPerSecond" | "idleBytesMax" | "requestBytesMax">,
): ByteWatch {
  const watched = new Map<string, Watched>();
  // A call brings its message and its headers.
  const bytesPerCall = limits.requestBytesMax + 16 * 1024;

  const look = (elapsedMs: number): void => {
    for (const each of watched.values()) {
      const { socket } = each;
      const free = (limits.idleBytesPerSecond * elapsedMs) / 1000;
      each.debt = Math.max(0, each.debt + socket.bytesRead - each.bytesSeen - free);
      each.bytesSeen = socket.bytesRead;
      if (each.debt > limits.idleBytesMax) socket.destroy();
    }
  };
  const timer = setInterval(() => look(lookEveryMs), lookEveryMs);
  timer.unref();

  return {
    look,
    add(socket) {
      const peer = peerOf(socket);
      watched.set(peer, { socket, bytesSeen: socket.bytesRead, debt: 0 });
      socket.once("close", () => watched.delete(peer));
    },
    noteCall(peer) {
      const each = watched.get(plain(peer));
      if (each) each.debt = Math.max(0, each.debt - bytesPerCall);
    },
    close: () => clearInterval(timer),
  };
}
