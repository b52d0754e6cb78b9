import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { constants, type Http2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { RpcLimits } from "./limits.ts";
import type { Log } from "./log.ts";

/** How often connections are looked at, in milliseconds. */
const lookEveryMs = 250;

/** What a call brings beside its headers and its message: the frames around them, window updates, the end. */
const frameBytesPerCall = 512;
/** What a header takes beside its name and its value (RFC 9113, 6.5.2). */
const headerBytesMore = 32;
/** For each byte that a connection is sent, it may answer with this share: window updates, and pings that measure the way. */
const answerShare = 0.5;
/** grpc-js takes this many times the longest message before it refuses one. */
const messagesPerStream = 2;

/** The channels on which Node tells of the streams of HTTP/2 servers; the only public way to them, since grpc-js keeps its sessions. */
const channels = { created: "http2.server.stream.created", closed: "http2.server.stream.close" } as const;

interface Watched {
  readonly socket: Socket;
  readonly peer: string;
  session: Http2Session | undefined;
  /** Streams that were opened and have not ended, with the time at which each was opened. */
  readonly streams: Map<ServerHttp2Stream, number>;
  bytesRead: number;
  bytesWritten: number;
  /** Bytes that were sent and that no call accounts for. */
  debt: number;
}

/**
 * Cuts connections that send much and ask for little, and streams whose request does not come to its end. Node passes the frames of
 * HTTP/2 from the socket to its own code, so floods of PING, SETTINGS, empty DATA or unknown frames show nowhere but in
 * the bytes: each call accounts for its own, and what is beyond that adds up. Resets in quick succession, and headers without an
 * end, Node itself answers by ending the session.
 */
export interface FloodWatch {
  /** Watches a connection, until it is closed. */
  add(socket: Socket): void;
  /** Notes a call of the peer with this address and port: its message accounts for as many bytes. */
  noteMessage(peer: string, bytes: number): void;
  /** Looks at all connections now. */
  look(nowMs: number): void;
  close(): void;
}

type Limits = Pick<
  RpcLimits,
  "idleBytesPerSecond" | "idleBytesMax" | "unaskedBytesMax" | "requestBytesMax" | "requestTimeoutMs"
>;

const peerOf = ({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string =>
  `${remoteAddress}:${remotePort}`;

function headerBytes(headers: Readonly<Record<string, unknown>>): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + String(headers[name]).length + headerBytesMore;
  return bytes;
}

const isArriving = (stream: ServerHttp2Stream): boolean => !stream.readableEnded && !stream.closed;

/** Makes a watch; close it in the end. */
export function createFloodWatch(limits: Limits, log: Pick<Log, "warn">): FloodWatch {
  const watched = new Map<string, Watched>();
  const bySession = new WeakMap<Http2Session, Watched>();
  let lookedAtMs = performance.now();

  const cut = (each: Watched, reason: string): void => {
    const { session, socket, peer } = each;
    watched.delete(peer);
    log.warn({ peer, reason }, "a connection was cut");
    if (session && !session.destroyed) session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    // One turn later, so that the GOAWAY has left; a peer that does not read must not keep the connection.
    setImmediate(() => socket.destroy());
  };

  /** Ends the streams whose request takes too long; answers how many are still on their way. */
  const lookAtStreams = ({ streams }: Watched, nowMs: number): number => {
    let arriving = 0;
    for (const [stream, sinceMs] of streams) {
      if (!isArriving(stream)) streams.delete(stream);
      else if (nowMs - sinceMs > limits.requestTimeoutMs) stream.close(constants.NGHTTP2_CANCEL);
      else arriving += 1;
    }
    return arriving;
  };

  const look = (nowMs: number): void => {
    const free = (limits.idleBytesPerSecond * (nowMs - lookedAtMs)) / 1000;
    lookedAtMs = nowMs;
    let sum = 0;
    for (const each of watched.values()) {
      const { bytesRead, bytesWritten } = each.socket;
      const answered = (bytesWritten - each.bytesWritten) * answerShare;
      each.debt = Math.max(0, each.debt + bytesRead - each.bytesRead - answered - free);
      each.bytesRead = bytesRead;
      each.bytesWritten = bytesWritten;
      const arriving = lookAtStreams(each, nowMs);
      if (each.debt > limits.idleBytesMax + arriving * messagesPerStream * limits.requestBytesMax)
        cut(each, "it sent much, and asked for little");
      else sum += each.debt;
    }
    if (sum <= limits.unaskedBytesMax) return;
    for (const each of [...watched.values()].sort((one, other) => other.debt - one.debt)) {
      if (sum <= limits.unaskedBytesMax) return;
      sum -= each.debt;
      cut(each, "of all connections, it holds most of what is still on its way");
    }
  };

  const onCreated = (message: unknown): void => {
    const { stream, headers } = message as { stream: ServerHttp2Stream; headers: Record<string, unknown> };
    const { session } = stream;
    if (!session) return;
    let each = bySession.get(session);
    if (!each) {
      each = watched.get(peerOf(session.socket));
      // Another server of this process may have the peer's port too.
      if (!each || each.socket.localPort !== session.socket.localPort) return;
      each.session = session;
      bySession.set(session, each);
    }
    each.debt -= frameBytesPerCall + headerBytes(headers);
    each.streams.set(stream, performance.now());
  };
  const onClosed = (message: unknown): void => {
    const { stream } = message as { stream: ServerHttp2Stream };
    const { session } = stream;
    if (session) bySession.get(session)?.streams.delete(stream);
  };
  subscribe(channels.created, onCreated);
  subscribe(channels.closed, onClosed);
  const timer = setInterval(() => look(performance.now()), lookEveryMs);
  timer.unref();

  return {
    look,
    add(socket) {
      const peer = peerOf(socket);
      const { bytesRead, bytesWritten } = socket;
      const each = { socket, peer, session: undefined, streams: new Map(), bytesRead, bytesWritten, debt: 0 };
      watched.set(peer, each);
      socket.once("close", () => {
        if (watched.get(peer) === each) watched.delete(peer);
      });
    },
    noteMessage(peer, bytes) {
      const each = watched.get(peer);
      if (each) each.debt -= bytes;
    },
    close() {
      clearInterval(timer);
      unsubscribe(channels.created, onCreated);
      unsubscribe(channels.closed, onClosed);
    },
  };
}
